"""Holds a template, as SAM transforms it, to cfn-guard: Control Tower's rules, less what waivers.json
says and why, and the rules of our own in private.guard. Those are then shown a
template with one thing changed, of many, and must notice each.

Usage: check.py template.json (see transform.py)
"""

import copy
import json
import pathlib
import platform
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
GUARD = HERE / "node_modules/@cdklabs/cdk-validator-cfnguard"
PROGRAM = (
    GUARD / "bin"
    / {"Linux": "ubuntu", "Darwin": "macos"}[platform.system()]
    / {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
    / "cfn-guard"
)
PRIVATE = HERE / "private.guard"

# What would open the bucket, lose data or let strangers in: a path below a resource's
# properties, or from the resource itself with a slash, and what to put there (None: nothing).
CHANGES = [
    ("Bucket.PublicAccessBlockConfiguration.BlockPublicAcls", False),
    ("Bucket.PublicAccessBlockConfiguration.BlockPublicPolicy", False),
    ("Bucket.PublicAccessBlockConfiguration.IgnorePublicAcls", None),
    ("Bucket.PublicAccessBlockConfiguration.RestrictPublicBuckets", False),
    ("Bucket.PublicAccessBlockConfiguration", None),
    ("Bucket.OwnershipControls.Rules.0.ObjectOwnership", "ObjectWriter"),
    ("Bucket.WebsiteConfiguration", {"IndexDocument": "index.html"}),
    ("Bucket.VersioningConfiguration.Status", "Suspended"),
    ("Bucket.LifecycleConfiguration.Rules", [{"Id": "x", "Status": "Enabled"}]),
    ("BucketPolicy.PolicyDocument.Statement.0.Condition", None),
    ("BucketPolicy.PolicyDocument.Statement.1.Condition.Null", None),
    ("BucketPolicy.PolicyDocument.Statement.1.Effect", "Allow"),
    ("BucketPolicy.PolicyDocument.Statement.2.Principal", "*"),
    ("BucketPolicy.PolicyDocument.Statement.2.Action", "s3:*"),
    ("BucketPolicy.PolicyDocument.Statement.2.Condition", None),
    ("Distribution.DistributionConfig.DefaultCacheBehavior.TrustedKeyGroups", None),
    ("Distribution.DistributionConfig.DefaultCacheBehavior.TrustedKeyGroups", []),
    ("Distribution.DistributionConfig.DefaultCacheBehavior.ViewerProtocolPolicy", "allow-all"),
    ("Distribution.DistributionConfig.DefaultCacheBehavior.AllowedMethods", ["GET", "HEAD", "PUT"]),
    ("Distribution.DistributionConfig.DefaultCacheBehavior.CachePolicyId", "658327ea-f89d-4fab-a63d-7e88639e58f6"),
    ("Distribution.DistributionConfig.DefaultCacheBehavior.OriginRequestPolicyId", "88a5eaf4-2fd4-4709-b370-b4c650ea3fcf"),
    ("Distribution.DistributionConfig.CacheBehaviors", [{"PathPattern": "/open/*", "ViewerProtocolPolicy": "https-only"}]),
    ("Distribution.DistributionConfig.Origins.0.OriginAccessControlId", None),
    ("Distribution.DistributionConfig.CustomErrorResponses.0.ErrorCachingMinTTL", 10),
    ("OriginAccessControl.OriginAccessControlConfig.SigningBehavior", "no-override"),
    ("CachePolicy.CachePolicyConfig.MaxTTL", 31536000),
    ("CachePolicy.CachePolicyConfig.DefaultTTL", 86400),
    ("CachePolicy.CachePolicyConfig.ParametersInCacheKeyAndForwardedToOrigin.QueryStringsConfig.QueryStringBehavior", "all"),
    ("ResponseHeadersPolicy.ResponseHeadersPolicyConfig.SecurityHeadersConfig.ContentTypeOptions.Override", False),
    ("ResponseHeadersPolicy.ResponseHeadersPolicyConfig.SecurityHeadersConfig.ContentSecurityPolicy.ContentSecurityPolicy", "default-src 'none'"),
    ("ResponseHeadersPolicy.ResponseHeadersPolicyConfig.CorsConfig.OriginOverride", False),
    ("Bucket/DeletionPolicy", None),
    ("CatalogTable/DeletionPolicy", "Delete"),
    ("SigningKeySecret/UpdateReplacePolicy", None),
    ("UserPool/DeletionPolicy", "Delete"),
    ("ObjectEventDeadLetterQueue/DeletionPolicy", None),
    ("ObjectEventDeadLetterQueue/UpdateReplacePolicy", None),
    ("RotateLogGroup/DeletionPolicy", "Retain"),
    ("RotationSchedule.RotateImmediatelyOnUpdate", True),
    ("RotationSchedule/DependsOn", ["KeyGroup"]),
    ("RotationSchedule/DependsOn", ["RotatePermission"]),
    ("Distribution.DistributionConfig.DefaultCacheBehavior.TrustedKeyGroups", ["a-group-of-somebody"]),
    ("RotatePermission.SourceAccount", None),
    ("UserPool.AdminCreateUserConfig.AllowAdminCreateUserOnly", False),
]


def guard(template, rules):
    """The names of the rules that a template fails."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(template, file)
        file.flush()
        ran = subprocess.run(
            [PROGRAM, "validate", "--data", file.name, "--rules", rules, "--show-summary", "all"],
            capture_output=True, text=True, check=False,
        )
    verdicts = dict(re.findall(r"^[\w.-]+/(\w+)\s+(PASS|FAIL|SKIP)$", ran.stdout, re.MULTILINE))
    if not verdicts:
        sys.exit(f"cfn-guard said nothing of {rules}:\n{ran.stdout}{ran.stderr}")
    return {rule for rule, verdict in verdicts.items() if verdict == "FAIL"}, len(verdicts)


def changed(template, path, value):
    template = copy.deepcopy(template)
    path = path if "/" in path else path.replace(".", "/Properties.", 1)
    resource, _, rest = path.partition("/")
    steps = rest.split(".")
    at = template["Resources"][resource]
    steps = [int(step) if step.isdigit() else step for step in steps]
    for step in steps[:-1]:
        at = at[step]
    if value is None:
        del at[steps[-1]]
    else:
        at[steps[-1]] = value
    return template


def main():
    template = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))
    waivers = json.loads((HERE / "waivers.json").read_text(encoding="utf-8"))
    problems = []
    failed, rules = guard(template, GUARD / "rules/control-tower/cfn-guard")
    problems += [f"Control Tower's {rule} fails" for rule in sorted(failed - waivers.keys())]
    problems += [f"{rule} is waived and does not fail" for rule in sorted(waivers.keys() - failed)]
    failed, own = guard(template, PRIVATE)
    problems += [f"{rule} fails" for rule in sorted(failed)]
    for path, value in CHANGES:
        if not guard(changed(template, path, value), PRIVATE)[0]:
            problems.append(f"{path} may be {json.dumps(value)}: no rule of private.guard notices")
    for problem in problems:
        print("cfn-guard:", problem)
    print(f"cfn-guard: {rules} rules of Control Tower, {len(waivers)} waived; {own} of our own, {len(CHANGES)} changes noticed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

// Package smoke plays the product's story against a stack that is deployed on
// AWS, and takes away again what that stored there.
//
// The stack is found through CloudFormation with the SDK's default chain: the
// caller's profile, region and credentials. The steps are those of the demo.
// The story's first download is also the first try of the stack's signatures;
// all it needs has been seen to work by then.
//
// IAM actions the caller needs:
//
//   - cloudformation:DescribeStacks on the stack;
//   - s3:ListBucket, s3:ListBucketVersions, s3:DeleteObject and
//     s3:DeleteObjectVersion on the bucket and its objects, and s3:PutObject for
//     the operator's story;
//   - dynamodb:GetItem on the table;
//   - where users are made, cognito-idp:AdminCreateUser, AdminSetUserPassword,
//     AdminInitiateAuth and AdminDeleteUser, and for the operator's story
//     DescribeUserPoolClient, on the user pool.
//
// A run that is killed leaves its users, airlock-smoke-…@example.com, and its
// files; a run that is interrupted does not. Nothing here was seen on AWS yet.
package smoke

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"airlock/local/story"
)

// Options says what to play against.
type Options struct {
	Stack string // its name
	// Token and OtherToken are access tokens of two users. Without the second what
	// needs a second user is skipped; without the first two users are made in the
	// stack's own user pool.
	Token, OtherToken string
	// Patience is in place of what suits AWS, where it is not zero.
	Patience story.Patience
}

// patience is for AWS. An event that record failed on once comes again after
// 120 s.
var patience = story.Patience{Row: 3 * time.Minute, Poll: 250 * time.Millisecond, Edge: 5 * time.Minute, Skew: 5 * time.Second}

const (
	// runLimit is over the longest run in which every wait ends well.
	runLimit = 20 * time.Minute
	// cleanLimit is for a few deletions, which go on after the run is interrupted.
	cleanLimit = time.Minute
)

// Run plays both stories, tells out of every step, and fails at the first
// deviation. What it tells, and its errors, hold no credential. Whether it fails
// or ctx ends, it removes what it made, or says what is left.
func Run(ctx context.Context, out io.Writer, o Options) error {
	if o.Stack == "" {
		return errors.New("which stack? STACK is its name")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, runLimit, fmt.Errorf("the run took over %v", runLimit))
	defer cancel()
	config, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	if config.Region == "" {
		return errors.New("which region? Set AWS_REGION, or AWS_PROFILE to a profile that has one")
	}
	d, err := describe(ctx, cloudformation.NewFromConfig(config), o.Stack)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "the stack %s in %s: API %s, CDN %s, signing with %s\n", o.Stack, config.Region, d.api, d.cdn, d.signingHash)
	p := &play{out: out, deployed: d, litter: litter{client: s3.NewFromConfig(config), bucket: d.bucket}}
	if err := p.stories(ctx, config, o); err != nil {
		return d.advise(err)
	}
	p.conclude()
	return nil
}

// play is one run against one stack.
type play struct {
	out      io.Writer
	deployed deployed
	litter   litter
	sum      story.Summary
	skipped  []string
}

func (p *play) stories(ctx context.Context, config aws.Config, o Options) (err error) {
	pool := newUserPool(config, p.deployed)
	defer func() {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanLimit)
		defer cancel()
		removed := p.litter.remove(clean)
		err = errors.Join(err, removed, pool.removeUsers(clean))
	}()
	user, err := p.users(ctx, pool, o)
	if err != nil {
		return err
	}
	target := story.Target{
		API: p.deployed.api, CDN: p.deployed.cdn, Bucket: p.deployed.bucket,
		Operator: p.litter.client,
		// Nobody's file is replaced.
		OperatorKey: "airlock-smoke/" + strings.ToLower(rand.Text()) + "/hello.txt", ReadAnyScope: p.deployed.readAnyScope,
		Token: func(ctx context.Context, subject string, scopes ...string) (string, error) {
			if len(scopes) > 0 {
				return pool.machineToken(ctx, scopes)
			}
			return user(ctx, subject)
		},
		Recorded: story.Recorded(dynamodb.NewFromConfig(config), p.deployed.table),
		Patience: story.Patience{
			Row: cmp.Or(o.Patience.Row, patience.Row), Poll: cmp.Or(o.Patience.Poll, patience.Poll),
			Edge: cmp.Or(o.Patience.Edge, patience.Edge), Skew: cmp.Or(o.Patience.Skew, patience.Skew),
		},
		Stores: p.litter.add,
		Waits:  func(what string) { fmt.Fprintln(p.out, "  waiting:", what) },
	}
	if err := p.story(ctx, target, "A user's file", story.Main()); err != nil {
		return err
	}
	if why := p.deployed.noMachine(); why != "" {
		p.skipped = append(p.skipped, "the operator's story: "+why)
		return nil
	}
	return p.story(ctx, target, "An operator's file", story.Operator())
}

// users returns who gives the tokens of alice and bob.
func (p *play) users(ctx context.Context, pool *userPool, o Options) (func(context.Context, string) (string, error), error) {
	switch {
	case o.Token != "":
		return given(o, p.deployed.readAnyScope)
	case o.OtherToken != "":
		return nil, errors.New("TOKEN_OTHER is a second user's token: give the first one's, TOKEN, too")
	case p.deployed.userPool == "":
		return nil, errors.New("the stack has no user pool of its own: give TOKEN, a user's access token, and TOKEN_OTHER, another user's")
	}
	fmt.Fprintln(p.out, "two users are made for this run, and removed after it")
	for _, subject := range []string{"alice", "bob"} {
		if err := pool.makeUser(ctx, subject); err != nil {
			return nil, err
		}
	}
	return pool.userToken, nil
}

func (p *play) story(ctx context.Context, target story.Target, title string, steps []story.Step) error {
	fmt.Fprintf(p.out, "\n%s\n", title)
	sum, err := story.Play(ctx, target, steps, func(r story.Result) {
		r.Answer, _, _ = strings.Cut(r.Answer, "?") // there a URL's signature begins
		fmt.Fprintln(p.out, r)
		if r.Skipped {
			p.skipped = append(p.skipped, r.Name+": "+r.Answer)
		}
	})
	p.sum = p.sum.Add(sum)
	return err
}

// conclude says what held, and louder what is not known to.
func (p *play) conclude() {
	all := "all"
	if len(p.skipped) > 0 {
		all = "what was tried is"
	}
	fmt.Fprintf(p.out, "\n%s as it should be: %d steps, %d refusals, %.1f s\n", all, p.sum.Steps, p.sum.Refusals, p.sum.Took.Seconds())
	if len(p.skipped) > 0 {
		fmt.Fprintf(p.out, "SKIPPED, so nobody knows:\n  %s\n", strings.Join(p.skipped, "\n  "))
	}
}

// advise says what to do if the CDN refuses signatures, of which the hash is the
// likeliest to be the reason.
func (d deployed) advise(err error) error {
	if !errors.Is(err, story.ErrSignatureRefused) {
		return err
	}
	hash := "The stack signs with SigningHash=SHA256, which CloudFront may not take: deploy it with SigningHash=SHA1 and run this again."
	if d.signingHash != "SHA256" {
		hash = "The stack signs with SigningHash=" + d.signingHash + ", so it is not the hash."
	}
	return fmt.Errorf(`%w
CloudFront refuses the signatures, while the upload, the catalog and the signing work.
%s
If that is not it: the distribution's key group must hold the public half of the key in the secret, and
a group that is new or changed may take minutes to reach every edge; docs/operations.md, "The signing key"`, err, hash)
}

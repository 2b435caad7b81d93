"""Prints what SAM's transform makes of a template: CloudFormation, as JSON.

sam deploy has AWS do it; samtranslator is the same code. It takes functions
only when their code is in S3, where it is by then.
"""

import json
import sys

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

with open(sys.argv[1], encoding="utf-8") as source:
    template = yaml_parse(source)
template["Globals"]["Function"]["CodeUri"] = "s3://bucket/key"
# A value for each parameter that has none of its own.
parameters = {name: p.get("Default", "value") for name, p in template["Parameters"].items()}
translator = Translator({}, Parser(), boto_session=boto3.Session(region_name="eu-west-1"))
json.dump(translator.translate(template, parameters), sys.stdout, indent=1)

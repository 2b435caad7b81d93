"""moto's server with UpdateKeyGroup and DeleteKeyGroup, which its CloudFront lacks.

moto itself reads the request, answers it, and holds the key groups that are
changed: what it creates, gets and lists is what these two have left there. And a
name that is taken is refused: a client whose answer was lost creates again. The
errors are those of the Amazon CloudFront API Reference.
"""

import moto.server
from moto.cloudfront.exceptions import CloudFrontException
from moto.cloudfront.models import random_id
from moto.cloudfront.responses import CloudFrontResponse
from moto.core.responses import ActionResult, EmptyResult


def found(response):
    """The key group that a request means, in the version that it means."""
    group = response.backend.key_groups.get(response._get_param("Id"))
    if group is None:
        raise CloudFrontException("NoSuchResource", "There is no such key group.")
    if not response._get_param("IfMatch"):
        raise CloudFrontException("InvalidIfMatchVersion", "The If-Match version is missing.")
    if response._get_param("IfMatch") != group.etag:
        raise CloudFrontException("PreconditionFailed", "The key group is in another version.")
    return group


def update_key_group(response):
    group = found(response)
    group.name = response._get_param("KeyGroupConfig.Name")
    group.items = response._get_param("KeyGroupConfig.Items", [])
    group.etag = random_id(length=14)
    return ActionResult({"KeyGroup": group, "ETag": group.etag})


def delete_key_group(response):
    del response.backend.key_groups[found(response).id]
    return EmptyResult()


def refusing(create, config, held, error):
    """The operation create, which refuses the name of something that is held."""

    def refuse_or_create(response):
        name = response._get_param(config + ".Name")
        if any(other.name == name for other in getattr(response.backend, held).values()):
            raise CloudFrontException(error, "The name is taken.")
        return create(response)

    return refuse_or_create


CloudFrontResponse.create_public_key = refusing(
    CloudFrontResponse.create_public_key, "PublicKeyConfig", "public_keys", "PublicKeyAlreadyExists"
)
CloudFrontResponse.create_key_group = refusing(
    CloudFrontResponse.create_key_group, "KeyGroupConfig", "key_groups", "KeyGroupAlreadyExists"
)
CloudFrontResponse.update_key_group = update_key_group
CloudFrontResponse.delete_key_group = delete_key_group
moto.server.main()

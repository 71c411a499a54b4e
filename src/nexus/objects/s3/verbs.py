"""Which function answers which verb: one table, complete by test."""

from collections.abc import Awaitable, Callable, Mapping

from nexus.objects.s3 import (
    acl,
    attributes,
    buckets,
    copy,
    delete,
    encryption,
    get,
    list_objects,
    list_uploads,
    list_versions,
    multipart,
    object_lock,
    put,
    tagging,
    upload_part,
)
from nexus.objects.s3.call import Call
from nexus.objects.s3.endpoint import Verb
from nexus.objects.s3.http import Response

Handler = Callable[[Call], Awaitable[Response]]

HANDLERS: Mapping[Verb, Handler] = {
    Verb.LIST_BUCKETS: buckets.list_buckets,
    Verb.CREATE_BUCKET: buckets.create_bucket,
    Verb.DELETE_BUCKET: buckets.delete_bucket,
    Verb.HEAD_BUCKET: buckets.head_bucket,
    Verb.GET_BUCKET_LOCATION: buckets.get_bucket_location,
    Verb.GET_BUCKET_VERSIONING: buckets.get_bucket_versioning,
    Verb.PUT_BUCKET_VERSIONING: buckets.put_bucket_versioning,
    Verb.GET_BUCKET_ENCRYPTION: encryption.get_bucket_encryption,
    Verb.PUT_BUCKET_ENCRYPTION: encryption.put_bucket_encryption,
    Verb.DELETE_BUCKET_ENCRYPTION: encryption.delete_bucket_encryption,
    Verb.GET_OBJECT_LOCK_CONFIGURATION: object_lock.get_object_lock_configuration,
    Verb.PUT_OBJECT_LOCK_CONFIGURATION: object_lock.put_object_lock_configuration,
    Verb.GET_OBJECT_RETENTION: object_lock.get_object_retention,
    Verb.PUT_OBJECT_RETENTION: object_lock.put_object_retention,
    Verb.GET_OBJECT_LEGAL_HOLD: object_lock.get_object_legal_hold,
    Verb.PUT_OBJECT_LEGAL_HOLD: object_lock.put_object_legal_hold,
    Verb.PUT_BUCKET_ACL: acl.put_bucket_acl,
    Verb.GET_BUCKET_ACL: acl.get_bucket_acl,
    Verb.LIST_OBJECTS: list_objects.list_objects,
    Verb.LIST_OBJECTS_V2: list_objects.list_objects_v2,
    Verb.LIST_OBJECT_VERSIONS: list_versions.list_object_versions,
    Verb.LIST_MULTIPART_UPLOADS: list_uploads.list_multipart_uploads,
    Verb.DELETE_OBJECTS: delete.delete_objects,
    Verb.PUT_OBJECT: put.put_object,
    Verb.COPY_OBJECT: copy.copy_object,
    Verb.GET_OBJECT: get.get_object,
    Verb.HEAD_OBJECT: get.head_object,
    Verb.DELETE_OBJECT: delete.delete_object,
    Verb.GET_OBJECT_ATTRIBUTES: attributes.get_object_attributes,
    Verb.GET_OBJECT_ACL: acl.get_object_acl,
    Verb.PUT_OBJECT_ACL: acl.put_object_acl,
    Verb.GET_OBJECT_TAGGING: tagging.get_object_tagging,
    Verb.PUT_OBJECT_TAGGING: tagging.put_object_tagging,
    Verb.DELETE_OBJECT_TAGGING: tagging.delete_object_tagging,
    Verb.CREATE_MULTIPART_UPLOAD: multipart.create_multipart_upload,
    Verb.UPLOAD_PART: upload_part.upload_part,
    Verb.UPLOAD_PART_COPY: upload_part.upload_part_copy,
    Verb.COMPLETE_MULTIPART_UPLOAD: multipart.complete_multipart_upload,
    Verb.ABORT_MULTIPART_UPLOAD: multipart.abort_multipart_upload,
    Verb.LIST_PARTS: list_uploads.list_parts,
}

"""What errors of AWS mean: which pass by themselves, and each of the others as one of ours, without what it says.

Texts of AWS stand in no message: that of a wrong signature shows the request with its token. Their codes do.
"""

from __future__ import annotations

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

from lakehouse_assets.errors import (
    SourceAuthenticationError,
    SourceError,
    SourceNotFoundError,
    SourcePermissionError,
    SourceUnreachableError,
)

SOURCE = "events"
NOT_FOUND = "ResourceNotFoundException"
_PASSES = {
    "InternalFailure",
    "InternalFailureException",
    "KMSThrottlingException",
    "LimitExceededException",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestTimeout",
    "RequestTimeoutException",
    # A stream that is being made or split.
    "ResourceInUseException",
    "ServiceUnavailable",
    "Throttling",
    "ThrottlingException",
}
_AUTHENTICATION = {
    "AuthFailure",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "OptInRequired",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_PERMISSION = {
    "AccessDenied",
    "AccessDeniedException",
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "KMSOptInRequired",
    "NotAuthorized",
    "UnauthorizedOperation",
}
CREDENTIALS = (
    boto.NoCredentialsError,
    boto.PartialCredentialsError,
    boto.CredentialRetrievalError,
    boto.MetadataRetrievalError,
    boto.TokenRetrievalError,
    boto.SSOError,
)
_STAYS = "What had landed before stays landed, nothing else was pulled."


def code_of(error: boto.ClientError) -> str:
    """The error's name at AWS."""
    return str(error.response.get("Error", {}).get("Code", "unknown"))


def is_transient(error: BaseException) -> bool:
    """Whether an error passes by itself."""
    if isinstance(error, boto.ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return code_of(error) in _PASSES or status >= 500
    # A certificate does not become valid by waiting.
    passes = boto.ConnectionError | boto.HTTPClientError | ResponseParserError
    return isinstance(error, passes) and not isinstance(error, boto.SSLError)


def without_credentials(place: str, error: Exception) -> SourceError:
    """For a request that could not be signed."""
    return SourceAuthenticationError(
        f"{place} needs credentials, and boto3 found none that can be used ({type(error).__name__}). Nothing was "
        "pulled. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile or a role.",
        source=SOURCE,
    )


def unanswered(place: str, operation: str, error: Exception) -> SourceError:
    """For a request without a reply, or with half of one."""
    return SourceUnreachableError(
        f"{place} does not answer {operation} ({type(error).__name__}). {_STAYS} Check region, address and network, "
        "then pull again.",
        source=SOURCE,
    )


def refused(place: str, operation: str, error: boto.ClientError) -> SourceError:
    """For a request that was answered with an error."""
    code = code_of(error)
    if code == NOT_FOUND:
        return SourceNotFoundError(
            f"{place} does not exist. {_STAYS} Check LAKEHOUSE_KINESIS_STREAM, the region and the account.",
            source=SOURCE,
        )
    if code in _AUTHENTICATION:
        return SourceAuthenticationError(
            f"{place} does not accept the credentials ({code}). {_STAYS} It was not tried again. Check the access "
            "key, the session token's age and this machine's clock.",
            source=SOURCE,
        )
    if code in _PERMISSION:
        return SourcePermissionError(
            f"{place} may not be read by these credentials ({code}). {_STAYS} Allow kinesis:{operation} on it, and "
            "kms:Decrypt on its key where it is encrypted; see docs/ingestion.md.",
            source=SOURCE,
        )
    if is_transient(error):
        return SourceUnreachableError(
            f"{place} did not serve {operation} in several attempts ({code}). {_STAYS} Pull again; when it is "
            "throttled, see who else reads the stream.",
            source=SOURCE,
        )
    return SourceError(f"{place} refused {operation} ({code}). {_STAYS} See what it means.", source=SOURCE)

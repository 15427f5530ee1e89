namespace Caraway.Platform.Http;

/// <summary>
/// Every <c>code</c> that a problem can carry. Clients rely on the codes, so none is ever renamed. docs/api/README.md explains them.
/// </summary>
internal static class ProblemCodes
{
    public const string MalformedJson = "malformed_json";
    public const string MalformedRequest = "malformed_request";
    public const string ApiKeyRequired = "api_key_required";
    public const string NotSignedIn = "not_signed_in";
    public const string UserIdRequired = "user_id_required";
    public const string InvalidUserId = "invalid_user_id";
    public const string InvalidToken = "invalid_token";
    public const string SignInFailed = "sign_in_failed";
    public const string InvalidRefreshToken = "invalid_refresh_token";
    public const string EmailRegistered = "email_registered";
    public const string UserNotFound = "user_not_found";
    public const string UserDeactivated = "user_deactivated";
    public const string PasswordResetNotFound = "password_reset_not_found";
    public const string GatewayIdLinked = "gateway_id_linked";
    public const string GatewayLinkNotFound = "gateway_link_not_found";
    public const string LastAdmin = "last_admin";
    public const string ConcurrentChange = "concurrent_change";
    public const string TooManyAttempts = "too_many_attempts";
    public const string TooManyRequests = "too_many_requests";
    public const string Busy = "busy";
    public const string NotPermitted = "not_permitted";
    public const string NotFound = "not_found";
    public const string ImportNotFound = "import_not_found";
    public const string CaseNotFound = "case_not_found";
    public const string PatientLinkNotFound = "patient_link_not_found";
    public const string DocumentNotFound = "document_not_found";
    public const string AppointmentNotFound = "appointment_not_found";
    public const string TaskNotFound = "task_not_found";
    public const string LabResultNotFound = "lab_result_not_found";
    public const string CalendarNotFound = "calendar_not_found";
    public const string DoctorBooked = "doctor_booked";
    public const string PatientBooked = "patient_booked";
    public const string TimeNotAvailable = "time_not_available";
    public const string AppointmentLimit = "appointment_limit";
    public const string DoctorNotAvailable = "doctor_not_available";
    public const string WorkflowNotFound = "workflow_not_found";
    public const string MethodNotAllowed = "method_not_allowed";
    public const string NotAcceptable = "not_acceptable";
    public const string InvalidTransition = "invalid_transition";
    public const string CaseArchived = "case_archived";
    public const string ShareNotFound = "share_not_found";
    public const string TooManyShares = "too_many_shares";
    public const string TemplateNotFound = "template_not_found";
    public const string TemplateNameUsed = "template_name_used";
    public const string ExternalReferenceUsed = "external_reference_used";
    public const string IdempotencyKeyInUse = "idempotency_key_in_use";
    public const string StaleVersion = "stale_version";
    public const string BodyTooLarge = "body_too_large";
    public const string UnsupportedMediaType = "unsupported_media_type";
    public const string Invalid = "invalid";
    public const string IdempotencyKeyReused = "idempotency_key_reused";
    public const string DatabaseUnavailable = "database_unavailable";
    public const string InternalError = "internal_error";

    /// <summary>The code of a refusal that says no more than its status.</summary>
    public static string ForStatus(int status) => status switch
    {
        400 => MalformedRequest,
        401 => ApiKeyRequired,
        403 => NotPermitted,
        404 => NotFound,
        405 => MethodNotAllowed,
        406 => NotAcceptable,
        413 => BodyTooLarge,
        415 => UnsupportedMediaType,
        422 => Invalid,
        429 => TooManyRequests,
        503 => DatabaseUnavailable,
        _ => status < 500 ? MalformedRequest : InternalError,
    };
}

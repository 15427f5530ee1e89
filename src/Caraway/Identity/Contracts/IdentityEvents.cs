namespace Caraway.Identity.Contracts;

/// <summary>The events that Identity raises. docs/events.md says when, and what each payload holds.</summary>
internal static class IdentityEvents
{
    public const string UserRegistered = "user.registered";
    public const string UserRenamed = "user.renamed";
    public const string UserRoleChanged = "user.role_changed";
    public const string UserActivated = "user.activated";
    public const string UserDeactivated = "user.deactivated";
    public const string PasswordChanged = "user.password_changed";
    public const string PasswordResetCreated = "user.password_reset_created";
    public const string SignedIn = "user.signed_in";
    public const string SignInFailed = "user.sign_in_failed";
    public const string SignedOut = "user.signed_out";
    public const string RefreshTokenReused = "user.refresh_token_reused";
    public const string GatewayLinked = "user.gateway_linked";
    public const string GatewayUnlinked = "user.gateway_unlinked";
    public const string ApiKeyCreated = "api_key.created";
    public const string ApiKeyRevoked = "api_key.revoked";

    public static IReadOnlyList<string> All { get; } =
    [
        UserRegistered, UserRenamed, UserRoleChanged, UserActivated, UserDeactivated, PasswordChanged, PasswordResetCreated,
        SignedIn, SignInFailed, SignedOut, RefreshTokenReused, GatewayLinked, GatewayUnlinked, ApiKeyCreated, ApiKeyRevoked,
    ];
}

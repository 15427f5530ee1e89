namespace Caraway.Identity.Users;

/// <summary>A user as the API shows him.</summary>
internal static class User
{
    public sealed record Response(long Id, string Email, string FullName, string Role, bool IsActive, DateTime CreatedAt, DateTime UpdatedAt);

    /// <summary>The columns of <see cref="Response"/>, in its order.</summary>
    internal const string Columns = "id, email, full_name, role, is_active, created_at, updated_at";

    internal const string IsPatient = "select exists (select from identity.users where id = @Value and role = 'patient')";

    internal const int NameLength = 255;

    /// <summary>What is unique: addresses that differ in case alone are one person's.</summary>
    public static string EmailKey(string email) => email.ToLowerInvariant();
}

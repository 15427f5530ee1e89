using Caraway.Identity.Contracts;
using Caraway.Platform.Http;

namespace Caraway.Identity.Users;

/// <summary>A user as the API shows it.</summary>
internal static class User
{
    public sealed record Response(
        long Id, string Email, string FullName, [property: RoleWord] string Role, bool IsActive, DateTime CreatedAt, DateTime UpdatedAt);

    /// <summary>A user as the database keeps it: <see cref="Columns"/>, the version, and what a statement adds to them.</summary>
    internal sealed class Row
    {
        public long Id { get; init; }

        public string Email { get; init; } = "";

        public string FullName { get; init; } = "";

        public string Role { get; init; } = "";

        public bool IsActive { get; init; }

        public DateTime CreatedAt { get; init; }

        public DateTime UpdatedAt { get; init; }

        public long Version { get; init; }

        /// <summary>Empty if the statement does not select it.</summary>
        public string PasswordHash { get; init; } = "";

        /// <summary>The sign-ins that the statement ended.</summary>
        public Guid[] Ended { get; init; } = [];

        public Tagged<Response> ToAnswer() =>
            new(ETag.Create(Version), new Response(Id, Email, FullName, Role, IsActive, CreatedAt, UpdatedAt));
    }

    /// <summary>The columns of <see cref="Response"/>, in its order.</summary>
    internal const string Columns = "id, email, full_name, role, is_active, created_at, updated_at";

    internal const int NameLength = 255;

    /// <summary>The unique form of an address: two addresses that differ only in case belong to one user.</summary>
    public static string EmailKey(string email) => email.ToLowerInvariant();
}

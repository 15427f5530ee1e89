using System.Security.Cryptography;
using Caraway.Identity;
using Caraway.Identity.Contracts;
using Caraway.Identity.Keys;
using Caraway.Identity.Users;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Options;

namespace Caraway.Commands;

/// <summary>
/// Gives a development database that has no users an administrator and a key with all scopes. Both are shown once and not stored.
/// </summary>
internal static class FirstStart
{
    private const string Email = "admin@caraway.localhost";

    /// <summary>Without characters that people confuse, such as l and 1.</summary>
    private const string PasswordCharacters = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789";

    internal sealed record Credentials(string Email, string Password, string ApiKey);

    /// <summary>Call it once the program serves: what it returns must be shown, because it cannot be read again.</summary>
    /// <returns>Null when the database has users already.</returns>
    public static async Task<Credentials?> Prepare(Workspace workspace, CancellationToken cancel)
    {
        await using var database = new Database(workspace.Source);
        await database.Begin(cancel);
        // Several processes may start at the same time.
        await database.Execute("select pg_advisory_xact_lock(hashtext('caraway.first_start'))", null, cancel);
        if (await database.First<bool>("select exists (select from identity.users)", null, cancel))
            return null;
        var password = RandomNumberGenerator.GetString(PasswordCharacters, 20);
        using var passwords = new Passwords(Options.Create(OptionsReader.Read<IdentityOptions>(workspace.Configuration, "Identity")));
        await CreateAdmin.Run(Email, "Development Administrator", password, passwords, database, Workspace.Now, cancel);
        string[] scopes = [.. PermissionCatalog.All.Select(permission => permission.Split(':')[0] + ":*").Distinct(StringComparer.Ordinal)];
        var key = await ManageApiKeys.Create("development", scopes, null, database, Workspace.Now, cancel);
        await database.Commit();
        return new Credentials(Email, password, key);
    }
}

using System.Security.Cryptography;
using Caraway.Identity;
using Caraway.Identity.Keys;
using Caraway.Identity.Users;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Options;

namespace Caraway.Commands;

/// <summary>A development database without users gets an administrator and a key for everything, shown once and kept nowhere.</summary>
internal static class FirstStart
{
    private const string Email = "admin@caraway.localhost";

    internal sealed record Credentials(string Email, string Password, string ApiKey);

    /// <returns>Null when there are users already.</returns>
    public static async Task<Credentials?> Prepare(Workspace workspace, CancellationToken cancel)
    {
        await using var database = new Database(workspace.Source);
        await database.Begin(cancel);
        // Several processes may start at once.
        await database.Execute("select pg_advisory_xact_lock(hashtext('caraway.first_start'))", null, cancel);
        if (await database.First<bool>("select exists (select from identity.users)", null, cancel))
            return null;
        var password = RandomNumberGenerator.GetString("abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789", 20);
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        using var passwords = new Passwords(Options.Create(Workspace.Bind<IdentityOptions>(workspace.Configuration, "Identity")));
        await CreateAdmin.Run(Email, "Development Administrator", password, passwords, database, now, cancel);
        string[] scopes = [.. Platform.Security.Permission.All.Select(permission => permission.Split(':')[0] + ":*").Distinct(StringComparer.Ordinal)];
        var key = await ManageApiKeys.Create("development", scopes, null, database, now, cancel);
        await database.Commit();
        return new Credentials(Email, password, key);
    }
}

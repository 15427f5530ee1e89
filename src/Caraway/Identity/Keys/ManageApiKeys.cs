using Caraway.Identity.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Postgres;

namespace Caraway.Identity.Keys;

/// <summary><c>caraway apikey create|list|revoke</c>.</summary>
internal static class ManageApiKeys
{
    private const string Insert = $"""
        with added as (
            insert into identity.api_keys (name, prefix, key_hash, scopes, created_at, expires_at)
            values (@name, @prefix, @hash, @scopes, @now, @expires)
            returning id
        )
        {EventSql.InsertWithoutRequest}
        select @now, 'api_key.created', 'identity.api_key:' || id, 'command',
            json_build_object('api_key_id', id, 'name', @name::text, 'scopes', @scopes::text[])::text
        from added
        """;

    private const string Select = """
        select id, name, prefix, array_to_string(scopes, ' ') as scopes, created_at, expires_at, revoked_at, last_used_at
        from identity.api_keys order by id
        """;

    private const string MarkRevoked = $"""
        with revoked as (
            update identity.api_keys set revoked_at = @now
            where (prefix = @which or id::text = @which) and revoked_at is null
            returning id
        ), logged as (
            {EventSql.InsertWithoutRequest}
            select @now, 'api_key.revoked', 'identity.api_key:' || id, 'command', json_build_object('api_key_id', id)::text
            from revoked
        )
        select id from revoked
        """;

    public sealed record Listed(
        long Id, string Name, string Prefix, string Scopes,
        DateTime CreatedAt, DateTime? ExpiresAt, DateTime? RevokedAt, DateTime? LastUsedAt);

    /// <returns>The key, which is not stored.</returns>
    /// <exception cref="CommandException">The name, a scope or the expiry is not valid.</exception>
    public static async Task<string> Create(
        string name, string[] scopes, DateTime? expires, Database database, DateTime now, CancellationToken cancel)
    {
        if (string.IsNullOrWhiteSpace(name) || Characters.Count(name) > 100 || name.Contains('\0', StringComparison.Ordinal))
            throw new CommandException(ExitCode.BadInput, "--name must have 1 to 100 characters.");
        if (Array.Find(scopes, scope => !PermissionCatalog.OfScope(scope).Any()) is { } unknown)
            throw new CommandException(
                ExitCode.BadInput,
                $"The scope \"{unknown}\" is unknown. Scopes are {string.Join(", ", PermissionCatalog.All)}, "
                + "and module:* for all of a module.");
        if (expires <= now)
            throw new CommandException(ExitCode.BadInput, "--expires must be in the future.");
        var (key, prefix, hash) = ApiKeys.Generate();
        scopes = [.. scopes.Distinct(StringComparer.Ordinal)];
        await database.Execute(Insert, new { name, prefix, hash, scopes, now, expires }, cancel);
        return key;
    }

    public static Task<List<Listed>> List(Database database, CancellationToken cancel) => database.List<Listed>(Select, null, cancel);

    /// <param name="which">The prefix or the id.</param>
    /// <returns>Number of keys that were revoked now.</returns>
    public static async Task<int> Revoke(string which, Database database, DateTime now, CancellationToken cancel) =>
        (await database.List<long>(MarkRevoked, new { which, now }, cancel)).Count;
}

using Caraway.Identity;
using Caraway.Identity.Tokens;
using Caraway.Platform.Hosting;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform.Jobs;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Caraway.Tests.Identity.Tokens;

/// <summary>The life of signing keys, with several processes and with two master keys.</summary>
public sealed class SigningKeysTests(PostgresServer postgres) : IAsyncLifetime
{
    private readonly TestClock clock = new();
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync() => database = await postgres.Create();

    public ValueTask DisposeAsync() => database.DisposeAsync();

    [Fact]
    public async Task The_next_key_is_published_before_it_signs_and_the_old_one_verifies_until_its_last_token_expires()
    {
        using var keys = Keys();
        var first = (await keys.Current(default)).Kid;

        clock.Pass(TimeSpan.FromDays(30) - TimeSpan.FromMinutes(59));
        await keys.Load(default);
        Assert.Equal(2, keys.All.Count);
        var next = Assert.Single(keys.All, key => key.Kid != first).Kid;
        Assert.Equal(first, (await keys.Current(default)).Kid);

        clock.Pass(TimeSpan.FromHours(1));
        Assert.Equal(next, (await keys.Current(default)).Kid);
        Assert.NotNull(await keys.Find(first, default));

        clock.Pass(TimeSpan.FromHours(2));
        Assert.Null(await keys.Find(first, default));
        await keys.Load(default);
        Assert.Equal([next], keys.All.Select(key => key.Kid));
    }

    [Fact]
    public async Task A_token_of_the_previous_key_is_valid_until_it_expires()
    {
        using var keys = Keys();
        using var tokens = new AccessTokens(keys, Options.Create(new IdentityOptions()), clock);
        await keys.Load(default);
        clock.Pass(TimeSpan.FromDays(30) - TimeSpan.FromMinutes(1));
        await keys.Load(default);
        var token = await Issue(tokens);

        clock.Pass(TimeSpan.FromMinutes(20));
        await keys.Load(default);
        Assert.NotNull(await tokens.Verify(token, default));

        clock.Pass(TimeSpan.FromMinutes(11));
        Assert.Null(await tokens.Verify(token, default));
    }

    [Fact]
    public async Task Concurrent_first_starts_make_one_key()
    {
        var processes = Enumerable.Range(0, 6).Select(_ => Keys()).ToList();

        await Task.WhenAll(processes.Select(keys => keys.Load(default)));

        Assert.Single(processes.Select(keys => keys.All.Single().Kid).Distinct(StringComparer.Ordinal));
        processes.ForEach(keys => keys.Dispose());
    }

    [Fact]
    public async Task A_new_key_of_another_process_is_found_and_unknown_kids_cause_one_query()
    {
        using var here = Keys();
        await here.Load(default);
        using var there = Keys();
        await database.Execute("delete from identity.signing_keys");
        await there.Load(default);
        var kid = there.All.Single().Kid;

        Assert.NotNull(await here.Find(kid, default));
        Assert.Null(await here.Find("nobody's", default));
        await database.Execute("alter table identity.signing_keys rename to hidden");
        // A second query within five seconds would fail, because the table is hidden.
        Assert.Null(await here.Find("nobody's either", default));
        await database.Execute("alter table identity.hidden rename to signing_keys");
    }

    /// <summary>The procedure that docs/operations.md describes for a key that may have leaked.</summary>
    [Fact]
    public async Task A_deleted_key_is_replaced_at_the_next_load_and_its_remembered_tokens_are_refused()
    {
        using var keys = Keys();
        using var tokens = new AccessTokens(keys, Options.Create(new IdentityOptions()), clock);
        var leaked = (await keys.Current(default)).Kid;
        var token = await Issue(tokens);
        Assert.NotNull(await tokens.Verify(token, default));

        await database.Execute("delete from identity.signing_keys");
        await keys.Load(default);

        Assert.NotEqual(leaked, (await keys.Current(default)).Kid);
        Assert.Null(await tokens.Verify(token, default));
    }

    [Fact]
    public async Task A_process_with_another_master_key_makes_a_new_key_and_keeps_the_old_one()
    {
        using var before = Keys();
        await before.Load(default);
        using var after = Keys("another master key, of 32 characters or more");

        Assert.NotEqual((await before.Current(default)).Kid, (await after.Current(default)).Kid);
        Assert.Equal(2, await database.Scalar<long>("select count(*) from identity.signing_keys"));
        await after.Load(default);
        Assert.Equal(2, await database.Scalar<long>("select count(*) from identity.signing_keys"));
    }

    private Task<string> Issue(AccessTokens tokens) =>
        tokens.Issue(new AccessTokens.Grant(1, "patient", Guid.Empty, clock.GetUtcNow().UtcDateTime.AddMinutes(30)), default);

    private SigningKeys Keys(string master = CarawayFixture.Master) =>
        new(
            database.Source, MasterKey.Read(master, new PrivateFolder(Path.GetTempPath())), Options.Create(new IdentityOptions()),
            clock, NullLogger<SigningKeys>.Instance);
}

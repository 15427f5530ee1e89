using System.Net;
using Caraway.Identity;
using Caraway.Support.Contracts;
using Caraway.Identity.Keys;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;

namespace Caraway.Tests.Identity.Keys;

/// <summary>Stored API keys, and gateways.</summary>
public sealed class KeyTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private static DateTime Now => TimeProvider.System.GetUtcNow().UtcDateTime;

    [Fact]
    public async Task A_key_permits_its_scopes_and_is_the_actor_of_its_events()
    {
        var reader = await Create(null, "advocacy:read");
        var writer = await Create(null, "advocacy:*");

        Assert.Equal(200, (await With(reader, HttpMethod.Get, "/cases")).Status);
        const string intake = """{"full_name":"A","narrative":"b"}""";
        (await With(reader, HttpMethod.Post, "/intakes", intake)).IsProblem(403, "not_permitted");
        var opened = await With(writer, HttpMethod.Post, "/intakes", intake);
        Assert.Equal(201, opened.Status);
        var id = await caraway.Database.Scalar<long>($"select id from identity.api_keys where prefix = '{writer[..12]}'");
        var actor = await caraway.Database.Scalar<string>(
            $"select actor from platform.events where subject = 'advocacy.case:{opened.Json.GetProperty("case_id").GetInt64()}'");
        Assert.Equal($"apikey:{id}", actor);
        (await With(writer, HttpMethod.Get, "/api/v1/users/1")).IsProblem(403, "not_permitted");
        (await With(await Create(null, "account:*"), HttpMethod.Post, "/api/v1/logout")).IsProblem(403, "not_permitted");
    }

    [Fact]
    public async Task The_database_stores_only_the_hash_and_the_beginning_of_a_key()
    {
        var key = await Create(null, "advocacy:read");

        Assert.StartsWith("cwy_", key, StringComparison.Ordinal);
        Assert.Equal(47, key.Length);
        var stored = await caraway.Database.Scalar<string>("""
            select string_agg(to_jsonb(k)::text, '') || (select string_agg(coalesce(payload, ''), '') from platform.events)
            from identity.api_keys k
            """);
        Assert.DoesNotContain(key[12..], stored, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_revoked_key_is_refused_within_two_seconds_on_every_process()
    {
        var key = await Create(null, "advocacy:read");
        await using var other = await OwnCaraway.Start(caraway.Database.Address);
        Task<Answer> ReadThere() => CarawayFixture.Send(other.Stranger, HttpMethod.Get, "/cases", null, ("X-API-Key", key));
        Assert.Equal(200, (await ReadThere()).Status);
        await using var database = new Database(caraway.Database.Source);

        Assert.Equal(1, await ManageApiKeys.Revoke(key[..12], database, Now, default));
        Assert.Equal(0, await ManageApiKeys.Revoke(key[..12], database, Now, default));

        await Task.Delay(1100);
        (await ReadThere()).IsProblem(401, "api_key_required");
        (await With(key, HttpMethod.Get, "/cases")).IsProblem(401, "api_key_required");
    }

    [Fact]
    public async Task An_expired_key_is_refused_and_the_last_use_is_written_once_a_minute()
    {
        var expiring = await Create(Now.AddMilliseconds(300), "advocacy:read");
        var key = await Create(null, "advocacy:read");
        await Task.Delay(400);

        (await With(expiring, HttpMethod.Get, "/cases")).IsProblem(401, "api_key_required");
        await With(key, HttpMethod.Get, "/cases");
        var used = await LastUse(key);
        await Task.Delay(1100);
        await With(key, HttpMethod.Get, "/cases");
        Assert.Equal(used, await LastUse(key));
        await caraway.Database.Execute(
            $"update identity.api_keys set last_used_at = last_used_at - interval '2 minutes' where prefix = '{key[..12]}'");
        await Task.Delay(1100);
        await With(key, HttpMethod.Get, "/cases");
        Assert.True(await LastUse(key) >= used);
    }

    [Theory]
    [InlineData("everything")]
    [InlineData("*")]
    [InlineData("advocacy:delete")]
    public async Task An_unknown_scope_is_refused_with_a_list_of_scopes(string scope)
    {
        var refusal = await Assert.ThrowsAsync<CommandException>(() => Create(null, scope));

        Assert.Contains("advocacy:read", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_gateway_is_trusted_with_its_secret()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("Identity:GatewaySecret", "between us"));
        async Task<int> Ask(params (string, string)[] headers) =>
            (await CarawayFixture.Send(own.Stranger, HttpMethod.Get, "/cases", null, headers)).Status;
        var bearer = ("Authorization", "Bearer " + await caraway.Token("caseworker"));

        // 403 means a known user, who has only the two permissions of Support. 401 means an unknown caller.
        Assert.Equal(403, await Ask(("X-User-ID", "anna"), ("X-Gateway-Secret", "between us")));
        Assert.Equal(401, await Ask(("X-User-ID", "anna"), ("X-Gateway-Secret", "between u")));
        Assert.Equal(401, await Ask(("X-User-ID", "anna")));
        Assert.Equal(401, await Ask(("X-Gateway-Secret", "between us")));
        Assert.Equal(401, await Ask(("X-User-ID", new string('a', 101)), ("X-Gateway-Secret", "between us")));
        Assert.Equal(401, await Ask(("X-User-ID", "anna"), ("X-User-ID", "bert"), ("X-Gateway-Secret", "between us")));
        foreach (var other in new[] { "user:5", "apikey:1", "gateway:anna", "User:x", "GATEWAY:", "aPiKey:environment" })
            Assert.Equal(401, await Ask(("X-User-ID", other), ("X-Gateway-Secret", "between us")));
        Assert.Equal(403, await Ask(("X-User-ID", "user"), ("X-Gateway-Secret", "between us")));
        Assert.Equal(403, await Ask(("X-User-ID", "auth0|user:5"), ("X-Gateway-Secret", "between us")));
        Assert.Equal(200, await Ask(("X-User-ID", "anna"), ("X-Gateway-Secret", "between us"), bearer));
        var withoutSecret = await caraway.Anonymously(HttpMethod.Get, "/cases", null, ("X-User-ID", "anna"), ("X-Gateway-Secret", ""));
        Assert.Equal(401, withoutSecret.Status);
    }

    [Theory]
    [InlineData("127.0.0.0/8", "127.0.0.1", true)]
    [InlineData("127.0.0.0/8", "::ffff:127.0.0.1", true)]
    [InlineData("10.0.0.0/8, 192.168.0.0/16", "192.168.3.4", true)]
    [InlineData("10.0.0.0/8", "192.168.3.4", false)]
    [InlineData("2001:db8::/32", "2001:db8::1", true)]
    [InlineData("", "127.0.0.1", false)]
    public async Task A_gateway_is_trusted_in_its_networks(string networks, string address, bool isTrusted)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = IPAddress.Parse(address);
        context.Request.Headers["X-User-ID"] = "anna";
        // Anybody can send this header, so it has no effect.
        context.Request.Headers["X-Forwarded-For"] = "10.0.0.1";

        var options = Options.Create(new IdentityOptions { GatewayTrustedNetworks = networks });
        var identified = await new Gateway(options).Identify(context);

        Assert.Equal(isTrusted ? "gateway:anna" : null, identified.Caller?.Id);
        if (isTrusted)
        {
            Assert.Equal(
                [SupportPermissions.Read, SupportPermissions.Write],
                identified.Caller!.Permissions.Order(StringComparer.Ordinal));
        }
    }

    [Theory]
    [InlineData("10.0.0.0/99")]
    [InlineData("everywhere")]
    public void A_text_that_is_not_a_network_stops_the_start(string network)
    {
        var options = Options.Create(new IdentityOptions { GatewayTrustedNetworks = network });

        Assert.Throws<CommandException>(() => new Gateway(options));
    }

    private async Task<string> Create(DateTime? expires, params string[] scopes)
    {
        await using var database = new Database(caraway.Database.Source);
        return await ManageApiKeys.Create("test", scopes, expires, database, Now, default);
    }

    private Task<Answer> With(string key, HttpMethod method, string path, string? json = null) =>
        caraway.Anonymously(method, path, json, ("X-API-Key", key));

    private Task<DateTime> LastUse(string key) =>
        caraway.Database.Scalar<DateTime>($"select last_used_at from identity.api_keys where prefix = '{key[..12]}'");
}

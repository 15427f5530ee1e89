using Caraway.Tests.Identity;
using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform;

namespace Caraway.Tests.Platform.Http;

public sealed class RateLimitTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_caller_learns_the_requests_left_and_then_the_wait()
    {
        await using var own = await OwnCaraway.Start(
            caraway.Database.Address, ("RateLimits:CallerPerMinute", "3"), ("RateLimits:AddressPerMinute", "2"));

        var first = await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null);
        Assert.Equal((200, "\"caller\";q=3;w=60"), (first.Status, first.Headers["RateLimit-Policy"]));
        Assert.Matches("^\"caller\";r=2;t=(60|59)$", first.Headers["RateLimit"]);
        await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null);
        await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null);
        var refused = (await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null)).IsProblem(429, "too_many_requests");
        Assert.InRange(int.Parse(refused.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture), 50, 60);
        Assert.StartsWith("\"caller\";r=0;t=", refused.Headers["RateLimit"], StringComparison.Ordinal);

        // Another caller has a limit of its own. Strangers and wrong keys share the limit of their address. Probes are not counted.
        var patient = ("Authorization", "Bearer " + await caraway.Token("patient"));
        Assert.Equal(403, (await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null, patient)).Status);
        own.Client.DefaultRequestHeaders.Remove("X-API-Key");
        Assert.Equal(401, await Status(own, "/cases"));
        Assert.Equal(401, (await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null, ("X-API-Key", "wrong"))).Status);
        Assert.Equal(429, await Status(own, "/workflows"));
        for (var probes = 0; probes < 10; probes++)
            Assert.Equal(200, await Status(own, "/health/live"));
    }

    [Fact]
    public async Task The_address_comes_from_a_trusted_proxy_and_not_from_others()
    {
        await using var proxied = await OwnCaraway.Start(
            caraway.Database.Address, ("RateLimits:AddressPerMinute", "1"), ("Server:TrustedProxies", "127.0.0.0/8, 10.0.0.0/8"));
        await using var direct = await OwnCaraway.Start(caraway.Database.Address, ("RateLimits:AddressPerMinute", "1"));

        Assert.Equal(200, await From(proxied, "203.0.113.1"));
        Assert.Equal(429, await From(proxied, "203.0.113.1"));
        Assert.Equal(200, await From(proxied, "203.0.113.2"));
        // The last entry that is not a proxy counts; entries before it, which the caller wrote, do not.
        Assert.Equal(429, await From(proxied, "198.51.100.9, 203.0.113.2, 10.0.0.7"));
        Assert.Equal(200, await From(direct, "203.0.113.1"));
        Assert.Equal(429, await From(direct, "203.0.113.9"));

        static async Task<int> From(OwnCaraway own, string forwarded) =>
            (await CarawayFixture.Send(own.Client, HttpMethod.Get, "/workflows", null, ("X-Forwarded-For", forwarded))).Status;
    }

    private static async Task<int> Status(OwnCaraway own, string path) =>
        (await CarawayFixture.Send(own.Client, HttpMethod.Get, path, null)).Status;
}

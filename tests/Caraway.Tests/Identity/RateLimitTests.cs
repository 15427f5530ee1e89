using Caraway.Tests.Infrastructure;
using Caraway.Tests.Platform;

namespace Caraway.Tests.Identity;

public sealed class RateLimitTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task A_caller_is_told_what_is_left_and_then_to_wait()
    {
        await using var own = await OwnCaraway.Start(caraway.Database.Address, ("RateLimits:CallerPerMinute", "3"), ("RateLimits:AddressPerMinute", "2"));

        var first = await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null);
        Assert.Equal((200, "\"caller\";q=3;w=60"), (first.Status, first.Headers["RateLimit-Policy"]));
        Assert.Matches("^\"caller\";r=2;t=(60|59)$", first.Headers["RateLimit"]);
        await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null);
        await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null);
        var refused = (await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null)).IsProblem(429, "too_many_requests");
        Assert.InRange(int.Parse(refused.Headers["Retry-After"], System.Globalization.CultureInfo.InvariantCulture), 50, 60);
        Assert.StartsWith("\"caller\";r=0;t=", refused.Headers["RateLimit"], StringComparison.Ordinal);

        // Another caller has his own; strangers share their address's, wrong keys among them; probes are not counted.
        Assert.Equal(403, (await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null, ("Authorization", "Bearer " + await caraway.Token("patient")))).Status);
        own.Client.DefaultRequestHeaders.Remove("X-API-Key");
        Assert.Equal(401, await Status(own, "/cases"));
        Assert.Equal(401, (await CarawayFixture.Send(own.Client, HttpMethod.Get, "/cases", null, ("X-API-Key", "wrong"))).Status);
        Assert.Equal(429, await Status(own, "/workflows"));
        for (var probes = 0; probes < 10; probes++)
            Assert.Equal(200, await Status(own, "/health/live"));
    }

    private static async Task<int> Status(OwnCaraway own, string path) => (await CarawayFixture.Send(own.Client, HttpMethod.Get, path, null)).Status;
}

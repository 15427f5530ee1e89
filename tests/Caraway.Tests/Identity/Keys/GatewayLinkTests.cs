using System.Collections.Frozen;
using System.Diagnostics;
using Caraway.Identity.Contracts;
using Caraway.Platform.Security;
using Caraway.Tests.Infrastructure;
using Microsoft.Extensions.DependencyInjection;
using Npgsql;

namespace Caraway.Tests.Identity.Keys;

/// <summary>Links between gateways' users and users, and what they mean for a caller.</summary>
public sealed class GatewayLinkTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private static int drawn;

    private static string NewId() => $"anna{Interlocked.Increment(ref drawn)}";

    [Fact]
    public async Task An_administrator_links_and_unlinks_a_user_and_a_repetition_changes_nothing()
    {
        var (admin, person, id) = (await caraway.Person("admin"), await caraway.Person(), NewId());

        var linked = await Link(admin, person, id);
        var again = await caraway.WritesNothing(() => Link(admin, person, id));

        Shape.Is($$"""{"user_id":{{person.UserId}},"gateway_id":"{{id}}","linked_at":"(time)"}""", linked);
        Assert.Equal((200, linked.Body), (again.Status, again.Body));
        Assert.Equal(204, (await Unlink(admin, person)).Status);
        var gone = await caraway.WritesNothing(() => Unlink(admin, person));
        gone.IsProblem(404, "gateway_link_not_found");
        Assert.Equal(
            $"user.gateway_linked {id} by {admin.UserId}, user.gateway_unlinked {id} by {admin.UserId}", await LinkEvents(person));
    }

    [Fact]
    public async Task Another_id_replaces_the_one_before()
    {
        var (admin, person, first, second) = (await caraway.Person("admin"), await caraway.Person(), NewId(), NewId());
        await Link(admin, person, first);

        Assert.Equal(200, (await Link(admin, person, second)).Status);

        Assert.Equal(
            $"user.gateway_linked {first} by {admin.UserId}, user.gateway_unlinked {first} by {admin.UserId}, "
            + $"user.gateway_linked {second} by {admin.UserId}",
            await LinkEvents(person));
        Assert.Equal(200, (await Link(admin, await caraway.Person(), first)).Status);
    }

    [Fact]
    public async Task An_id_belongs_to_one_user()
    {
        var (admin, one, other, id) = (await caraway.Person("admin"), await caraway.Person(), await caraway.Person(), NewId());
        await Link(admin, one, id);

        (await caraway.WritesNothing(() => Link(admin, other, id))).IsProblem(409, "gateway_id_linked");

        Assert.Equal(200, (await Link(admin, other, id.ToUpperInvariant())).Status);
    }

    [Theory]
    [InlineData("\"user:5\"")]
    [InlineData("\"USER:5\"")]
    [InlineData("\"ApiKey:environment\"")]
    [InlineData("\"gateway:anna\"")]
    [InlineData("\"\"")]
    [InlineData("\"an na\"")]
    [InlineData("\"an\\tna\"")]
    [InlineData("\"é\"")]
    [InlineData("\"a\\u0000\"")]
    [InlineData("\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"")]
    [InlineData("5")]
    [InlineData("null")]
    public async Task An_id_that_no_gateway_may_send_is_refused(string id)
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());

        var refused = await caraway.WritesNothing(
            () => caraway.As(admin, HttpMethod.Put, PathOf(person.UserId), $$"""{"gateway_id":{{id}}}"""));

        Assert.Equal(["#/gateway_id"], refused.IsProblem(422, "invalid").Pointers);
    }

    [Fact]
    public async Task Only_who_manages_users_links_them()
    {
        var person = await caraway.Person();
        foreach (var role in new[] { "patient", "doctor", "caseworker", "adjudicator", "agent", "auditor" })
        {
            (await Link(await caraway.Person(role), person, NewId())).IsProblem(403, "not_permitted");
            (await Unlink(await caraway.Person(role), person)).IsProblem(403, "not_permitted");
        }

        var key = await caraway.Key("users:manage");
        var answer = await caraway.Anonymously(HttpMethod.Put, PathOf(person.UserId), $$"""{"gateway_id":"{{NewId()}}"}""", key);
        Assert.Equal(200, answer.Status);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("999999999")]
    [InlineData("abc")]
    public async Task An_unknown_user_is_not_found(string id)
    {
        var admin = await caraway.Person("admin");

        (await caraway.As(admin, HttpMethod.Put, $"/api/v1/users/{id}/gateway-id", """{"gateway_id":"nobody"}"""))
            .IsProblem(404, "user_not_found");
        (await caraway.As(admin, HttpMethod.Delete, $"/api/v1/users/{id}/gateway-id")).IsProblem(404, "gateway_link_not_found");
    }

    /// <summary>All requests have passed every check of a query when the first of them is written.</summary>
    [Fact]
    public async Task Of_concurrent_links_of_one_id_to_several_users_one_is_written()
    {
        for (var round = 0; round < 5; round++)
        {
            var (admin, id) = (await caraway.Person("admin"), NewId());
            var persons = new List<Accounts.SignedIn>();
            for (var n = 0; n < 8; n++)
                persons.Add(await caraway.Person());
            Answer[] answers;
            await using (var connection = await caraway.Database.Source.OpenConnectionAsync())
            await using (var holding = await connection.BeginTransactionAsync())
            {
                var ids = string.Join(',', persons.Select(person => person.UserId));
                await using (var hold = new NpgsqlCommand(
                    $"select id from identity.users where id in ({ids}) for update", connection, holding))
                    await hold.ExecuteNonQueryAsync();
                var links = persons.Select(person => Link(admin, person, id)).ToList();
                await EventFlow.Until(async () => await WaitingRequests() == persons.Count);
                await holding.CommitAsync();
                answers = await Task.WhenAll(links);
            }

            Assert.Single(answers, answer => answer.Status == 200);
            Assert.All(answers.Where(answer => answer.Status != 200), answer => answer.IsProblem(409, "gateway_id_linked"));
            Assert.Equal(1, await caraway.Database.Scalar<long>(
                $"select count(*) from platform.events where name = 'user.gateway_linked' and payload::json->>'gateway_id' = '{id}'"));
        }
    }

    [Fact]
    public async Task Concurrent_links_of_one_user_leave_one_chain_of_events()
    {
        var (admin, person) = (await caraway.Person("admin"), await caraway.Person());

        var answers = await Task.WhenAll(Enumerable.Range(0, 12).Select(
            n => n % 4 == 3 ? Unlink(admin, person) : Link(admin, person, NewId())));

        Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 204, 404 }));
        // Each link begins after the one before has ended.
        var (events, current) = ((await LinkEvents(person)).Split(", "), "");
        foreach (var words in events.Select(text => text.Split(' ')))
        {
            Assert.Equal(words[0] == "user.gateway_linked" ? "" : words[1], current);
            current = words[0] == "user.gateway_linked" ? words[1] : "";
        }

        Assert.Equal(
            current,
            await caraway.Database.Scalar<string>(
                $"select coalesce(max(gateway_id), '') from identity.gateway_links where user_id = {person.UserId}"));
    }

    [Fact]
    public async Task A_link_makes_each_of_the_two_own_what_the_other_has()
    {
        var (admin, person, id) = (await caraway.Person("admin"), await caraway.Person(), NewId());
        await Link(admin, person, id);
        var (user, gateway) = ($"user:{person.UserId}", "gateway:" + id);

        Assert.Equal([user, gateway], await ActorsOf(user, person.UserId));
        Assert.Equal([gateway, user], await ActorsOf(gateway));
        Assert.Equal(["apikey:7"], await ActorsOf("apikey:7"));
        Assert.Equal(["gateway:nobody"], await ActorsOf("gateway:nobody"));
        Assert.Equal([$"user:{admin.UserId}"], await ActorsOf($"user:{admin.UserId}", admin.UserId));
    }

    [Theory]
    [InlineData("unlink")]
    [InlineData("deactivation")]
    [InlineData("another id")]
    public async Task A_link_that_ends_has_no_effect_after_a_second_on_every_process(string how)
    {
        await using var other = await OwnCaraway.Start(caraway.Database.Address);
        var there = other.Services.GetRequiredService<LinkedActors>();
        var (admin, person, id) = (await caraway.Person("admin"), await caraway.Person(), NewId());
        await Link(admin, person, id);
        var gateway = CallerOf("gateway:" + id);
        Assert.Equal(2, (await there.Of(gateway, default)).Length);

        var ended = how switch
        {
            "unlink" => await Unlink(admin, person),
            "another id" => await Link(admin, person, NewId()),
            _ => await caraway.As(admin, HttpMethod.Patch, $"/api/v1/users/{person.UserId}", """{"is_active":false}"""),
        };

        Assert.Contains(ended.Status, new[] { 200, 204 });
        var clock = Stopwatch.StartNew();
        while ((await there.Of(gateway, default)).Length == 2)
        {
            Assert.True(clock.Elapsed < TimeSpan.FromSeconds(1.2), "The link still counts on the other process.");
            await Task.Delay(20);
        }
    }

    [Fact]
    public async Task Concurrent_requests_of_a_caller_share_one_reading()
    {
        var actors = caraway.Services.GetRequiredService<LinkedActors>();
        var caller = CallerOf("gateway:" + NewId());

        var found = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => Task.Run(() => actors.Of(caller, default).AsTask())));

        Assert.Single(found.Distinct());
    }

    private static string PathOf(long user) => $"/api/v1/users/{user}/gateway-id";

    private Task<Answer> Link(Accounts.SignedIn admin, Accounts.SignedIn person, string id) =>
        caraway.As(admin, HttpMethod.Put, PathOf(person.UserId), $$"""{"gateway_id":"{{id}}"}""");

    private Task<Answer> Unlink(Accounts.SignedIn admin, Accounts.SignedIn person) =>
        caraway.As(admin, HttpMethod.Delete, PathOf(person.UserId));

    private ValueTask<string[]> ActorsOf(string name, long? user = null) =>
        caraway.Services.GetRequiredService<LinkedActors>().Of(CallerOf(name, user), default);

    private static Caller CallerOf(string name, long? user = null) => new()
    {
        Id = name, UserId = user, Permissions = FrozenSet<string>.Empty, RequestId = "r", Address = null, Action = "test",
    };

    private async Task<string> LinkEvents(Accounts.SignedIn person) =>
        await caraway.Database.Scalar<string>($"""
            select string_agg(name || ' ' || (payload::json ->> 'gateway_id') || ' by ' || substr(actor, 6), ', ' order by id)
            from platform.events
            where subject = 'identity.user:{person.UserId}' and name like 'user.gateway%'
                and payload::json ->> 'user_id' = '{person.UserId}'
            """) ?? "";

    private Task<long> WaitingRequests() => caraway.Database.Scalar<long>(
        "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'");
}

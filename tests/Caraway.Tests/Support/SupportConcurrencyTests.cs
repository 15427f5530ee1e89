using Caraway.Support;
using Caraway.Tests.Infrastructure;
using static Caraway.Tests.Support.SupportDesk;

namespace Caraway.Tests.Support;

/// <summary>Many simultaneous callers.</summary>
public sealed class SupportConcurrencyTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    [Fact]
    public async Task Simultaneous_cases_of_a_user_get_different_numbers()
    {
        var anna = NewUser();

        var cases = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => caraway.Opened(anna)));

        var numbers = cases.Select(json => int.Parse(json.Text("title").Split('-')[2], System.Globalization.CultureInfo.InvariantCulture));
        Assert.Equal(Enumerable.Range(1, 60), numbers.Order());
    }

    [Fact]
    public async Task A_case_belongs_to_the_day_on_which_it_is_opened()
    {
        var time = new ManualTime(new DateTimeOffset(2027, 3, 4, 23, 59, 59, 999, TimeSpan.Zero));
        var owner = NewUser().UserId;

        Assert.Equal("Case-0304-1", await Title(owner, time));
        time.Now = time.Now.AddMilliseconds(1);
        Assert.Equal("Case-0305-1", await Title(owner, time));
        Assert.Equal("Case-0305-2", await Title(owner, time));
        time.Now = time.Now.AddYears(1);
        Assert.Equal("Case-0305-1", await Title(owner, time));
    }

    [Fact]
    public async Task Simultaneous_moves_leave_one_legal_chain()
    {
        string[] targets = ["investigating", "resolved", "closed", "active", "archived"];
        for (var round = 0; round < 5; round++)
        {
            var anna = NewUser();
            var id = await caraway.OpenedId(anna);

            var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(n => caraway.Move(anna, id, targets[(n + round) % 4])));

            Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 409 }));
            var moves = await caraway.Database.Scalar<string>($"""
                select string_agg((payload::json ->> 'from_status') || '>' || (payload::json ->> 'to_status'), ' ' order by id)
                from platform.events where subject = 'support.case:{id}' and name = 'support_case.moved'
                """);
            var last = "active";
            foreach (var move in moves!.Split(' ').Select(move => move.Split('>')))
            {
                Assert.Equal(last, move[0]);
                Assert.True(CaseWords.Table.Allows(move[0], move[1]), string.Join(' ', move));
                last = move[1];
            }

            Assert.Equal(last, (await caraway.Get(anna, $"{Cases}/{id}")).Json.Text("status"));
        }
    }

    [Fact]
    public async Task One_of_simultaneous_changes_with_the_same_tag_wins()
    {
        var anna = NewUser();
        var id = await caraway.OpenedId(anna);

        var answers = await Task.WhenAll(Enumerable.Range(0, 20).Select(
            n => caraway.Put(anna, $"{Cases}/{id}", $$"""{"title":"{{n}}"}""", ("If-Match", "\"v1\""))));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.Equal(19, answers.Count(answer => answer.Status == 412));
    }

    [Fact]
    public async Task Nobody_changes_a_case_once_the_share_is_revoked()
    {
        for (var round = 0; round < 5; round++)
        {
            var (anna, ben) = (NewUser(), NewUser("ben"));
            var id = await caraway.OpenedId(anna);
            await caraway.Share(anna, id, ben, "edit");

            var changes = Enumerable.Range(0, 10).Select(n => caraway.Put(ben, $"{Cases}/{id}", $$"""{"title":"{{n}}"}""")).ToList();
            Assert.Equal(204, (await caraway.Delete(anna, $"{Cases}/{id}/shares/{ben.UserId}")).Status);
            var late = await caraway.Put(ben, $"{Cases}/{id}", """{"title":"late"}""");

            Assert.Equal(404, late.Status);
            Assert.All(await Task.WhenAll(changes), answer => Assert.Contains(answer.Status, new[] { 200, 404 }));
        }
    }

    [Fact]
    public async Task Simultaneous_shares_with_one_user_are_one_share()
    {
        for (var round = 0; round < 5; round++)
        {
            var (anna, ben) = (NewUser(), NewUser("ben"));
            var id = await caraway.OpenedId(anna);

            var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => caraway.Share(anna, id, ben)));

            Assert.All(answers, answer => Assert.True(answer.Status == 200, answer.Body));
            Assert.Single(answers.Select(answer => answer.Body).Distinct());
            Assert.Equal("support_case.opened support_case.shared", await caraway.EventsOf(id));
        }
    }

    [Fact]
    public async Task A_reader_sees_the_case_if_and_only_if_the_last_of_simultaneous_changes_shares_it()
    {
        for (var round = 0; round < 10; round++)
        {
            var (anna, ben) = (NewUser(), NewUser("ben"));
            var id = await caraway.OpenedId(anna);
            await caraway.Share(anna, id, ben);

            await Task.WhenAll(Enumerable.Range(0, 10).Select(
                n => n % 2 == 0 ? caraway.Share(anna, id, ben) : caraway.Delete(anna, $"{Cases}/{id}/shares/{ben.UserId}")));

            var share = await caraway.Get(anna, $"{Cases}/{id}/shares/{ben.UserId}");
            Assert.Equal(share.Status, (await caraway.Get(ben, $"{Cases}/{id}")).Status);
            Assert.Equal(share.Status == 200 ? [id] : [], (await caraway.Get(ben, Cases)).Ids());
        }
    }

    [Fact]
    public async Task One_of_two_simultaneous_deletions_succeeds()
    {
        var anna = NewUser();
        var id = await caraway.OpenedId(anna);

        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => caraway.Delete(anna, $"{Cases}/{id}")));

        Assert.Single(answers, answer => answer.Status == 204);
        Assert.Equal(9, answers.Count(answer => answer.Status == 404));
    }

    /// <summary>Opens a case by the use case's own statement at this time.</summary>
    private async Task<string> Title(string owner, ManualTime time)
    {
        await using var database = new Caraway.Platform.Postgres.Database(caraway.Database.Source);
        var row = await database.First<SupportCase.Row>(
            CreateCase.Insert,
            new
            {
                id = CaseId.Create().Value, owner, sessionId = (string?)null, title = (string?)null, description = "", initial = "active",
                severity = "low", category = "other", metadata = "{}", tags = Array.Empty<string>(), templateId = (long?)null,
                now = time.Now.UtcDateTime, RequestId = "r", Address = (string?)null,
            },
            default);
        return row!.Title;
    }

    private sealed class ManualTime(DateTimeOffset now)
    {
        public DateTimeOffset Now { get; set; } = now;
    }
}

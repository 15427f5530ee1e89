using System.Globalization;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary>Many concurrent callers of one case.</summary>
public sealed class CaseConcurrencyTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const int Callers = 20;
    private const int Rounds = 5;

    [Fact]
    public async Task Twenty_concurrent_transitions_leave_one_legal_chain()
    {
        string[] targets = ["IN_REVIEW", "SUBMITTED", "NEEDS_INFO", "APPROVED", "DENIED", "IN_REVIEW", "CLOSED"];
        for (var round = 0; round < Rounds; round++)
        {
            var id = await caraway.OpenCase();

            var answers = await AtOnce(n => caraway.Patch($"/cases/{id}", $$"""{"status":"{{targets[(n + round) % targets.Length]}}"}"""));

            Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 409 }));
            var changed = answers.Where(answer => answer.Status == 200)
                .Select(answer => (From: (string?)Text(answer, "previous_status"), To: Text(answer, "status")))
                .Where(pair => pair.From != pair.To);
            await IsOneLegalChain(id, changed);
        }
    }

    [Fact]
    public async Task Concurrent_transitions_back_and_forth_leave_one_legal_chain()
    {
        for (var round = 0; round < Rounds; round++)
        {
            var id = await caraway.OpenCase();
            await caraway.Transition(id, "IN_REVIEW");

            string Change(int n) => $$"""{"status":"{{(n % 2 == 0 ? "NEEDS_INFO" : "IN_REVIEW")}}","assignee":"caller-{{n}}"}""";
            var answers = await AtOnce(n => caraway.Patch($"/cases/{id}", Change(n)));

            Assert.All(answers, answer => Assert.Equal(200, answer.Status));
            var changed = answers.Select(answer => (From: (string?)Text(answer, "previous_status"), To: Text(answer, "status")))
                .Where(pair => pair.From != pair.To);
            await IsOneLegalChain(id, changed.Prepend(("NEW", "IN_REVIEW")), assignments: Callers);
        }
    }

    [Fact]
    public async Task The_same_transition_requested_concurrently_happens_once()
    {
        for (var round = 0; round < Rounds; round++)
        {
            var id = await caraway.OpenCase();

            var answers = await AtOnce(_ => caraway.Patch($"/cases/{id}", """{"status":"CLOSED"}"""));

            Assert.All(answers, answer => Assert.Equal(200, answer.Status));
            Assert.Single(answers, answer => Text(answer, "previous_status") == "NEW");
            Assert.Equal([(null, "NEW"), ("NEW", "CLOSED")], await caraway.Transitions(id));
            Assert.Equal(2, await caraway.Version(id));
        }
    }

    [Fact]
    public async Task Exactly_one_of_concurrent_transitions_with_the_same_tag_wins()
    {
        for (var round = 0; round < Rounds; round++)
        {
            var id = await caraway.OpenCase();
            var tag = (await caraway.Get($"/cases/{id}")).Headers["ETag"];

            var answers = await AtOnce(n => caraway.Patch($"/cases/{id}", $$"""{"assignee":"caller-{{n}}"}""", ("If-Match", tag)));

            var winner = Assert.Single(answers, answer => answer.Status == 200);
            Assert.All(answers.Where(answer => answer != winner), answer => answer.IsProblem(412, "stale_version"));
            Assert.Equal(Text(winner, "assignee"), Text(await caraway.Get($"/cases/{id}"), "assignee"));
            Assert.Equal(2, await caraway.Version(id));
            Assert.Equal(1, await Events(id, "case.assigned"));
        }
    }

    [Fact]
    public async Task Exactly_one_of_concurrent_intakes_with_the_same_reference_opens_a_case()
    {
        for (var round = 0; round < Rounds; round++)
        {
            var intake = $$"""{"full_name":"Race {{round}}","narrative":"Denied.","external_reference":"race-{{round}}"}""";

            var answers = await AtOnce(_ => caraway.Post("/intakes", intake));

            var winner = Assert.Single(answers, answer => answer.Status == 201);
            var id = winner.Json.GetProperty("case_id").GetInt64();
            Assert.All(answers.Where(answer => answer != winner), answer =>
            {
                answer.IsProblem(409, "external_reference_used");
                Assert.Equal(id, answer.Json.GetProperty("case_id").GetInt64());
            });
            Assert.Equal(
                1,
                await caraway.Database.Scalar<long>(
                    "select count(*) from advocacy.applicants where full_name = @name", ("name", $"Race {round}")));
            Assert.Equal(1, await Events(id, "case.opened"));
        }
    }

    [Fact]
    public async Task Concurrent_intakes_without_a_reference_each_open_a_case()
    {
        var answers = await AtOnce(n => caraway.Post("/intakes", $$"""{"full_name":"Crowd {{n}}","narrative":"Story {{n}}"}"""));

        Assert.All(answers, answer => Assert.Equal(201, answer.Status));
        Assert.Equal(Callers, answers.Select(answer => answer.Body).Distinct(StringComparer.Ordinal).Count());
        for (var n = 0; n < Callers; n++)
        {
            var read = (await caraway.Get(answers[n].Headers["Location"])).Json;
            Assert.Equal(
                ($"Crowd {n}", $"Story {n}"),
                (read.GetProperty("applicant").GetProperty("full_name").GetString(), read.GetProperty("narrative").GetString()));
        }
    }

    [Fact]
    public async Task Concurrent_notes_are_all_kept_in_the_order_of_their_ids()
    {
        var id = await caraway.OpenCase();

        var answers = await AtOnce(n => caraway.Post($"/cases/{id}/notes", $$"""{"author":"Bo","body":"{{n}}"}"""));

        Assert.All(answers, answer => Assert.Equal(201, answer.Status));
        var listed = (await caraway.Get($"/cases/{id}/notes")).Json.GetProperty("items").EnumerateArray()
            .ToDictionary(
                note => note.GetProperty("note_id").GetInt64(),
                note => int.Parse(note.GetProperty("body").GetString()!, CultureInfo.InvariantCulture));
        Assert.Equal(listed.Keys.OrderDescending(), listed.Keys);
        Assert.Equal(Enumerable.Range(0, Callers), listed.Values.Order());
        Assert.All(answers.Index(), answer => Assert.Equal(answer.Index, listed[answer.Item.Json.GetProperty("note_id").GetInt64()]));
        Assert.Equal(Callers, await Events(id, "case.note_added"));
        Assert.Equal(1, await caraway.Version(id));
    }

    [Fact]
    public async Task Concurrent_notes_and_transitions_do_not_refuse_each_other()
    {
        var id = await caraway.OpenCase();
        var tag = (await caraway.Get($"/cases/{id}")).Headers["ETag"];

        var answers = await AtOnce(n => n == Callers / 2
            ? caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW"}""", ("If-Match", tag))
            : caraway.Post($"/cases/{id}/notes", """{"author":"Bo","body":"Called."}"""));

        Assert.All(answers.Index(), answer => Assert.Equal(answer.Index == Callers / 2 ? 200 : 201, answer.Item.Status));
        Assert.Equal(Callers - 1, (await caraway.Get($"/cases/{id}")).Json.GetProperty("notes").GetArrayLength());
    }

    [Fact]
    public async Task A_read_during_transitions_never_shows_a_status_without_its_event()
    {
        var id = await caraway.OpenCase();
        await caraway.Transition(id, "IN_REVIEW");

        var answers = await AtOnce(n => n % 2 == 0
            ? caraway.Get($"/cases/{id}")
            : caraway.Patch($"/cases/{id}", $$"""{"status":"{{(n % 4 == 1 ? "NEEDS_INFO" : "IN_REVIEW")}}"}"""));

        var reads = answers.Where((_, n) => n % 2 == 0).ToList();
        Assert.All(reads, read =>
        {
            var events = read.Json.GetProperty("status_events");
            Assert.Equal(Text(read, "current_status"), events[0].GetProperty("to_status").GetString());
            Assert.StartsWith($"\"v{events.GetArrayLength()}-", read.Headers["ETag"], StringComparison.Ordinal);
        });
    }

    private async Task IsOneLegalChain(long id, IEnumerable<(string? From, string To)> answered, int assignments = 0)
    {
        var transitions = await caraway.Transitions(id);

        Assert.Equal((null, "NEW"), transitions[0]);
        foreach (var (before, after) in transitions.Zip(transitions.Skip(1)))
        {
            Assert.Equal(before.To, after.From);
            Assert.Contains(after.To, CaseContract.From(before.To));
        }

        Assert.Equal(answered.Order(), transitions.Skip(1).Order());
        Assert.Equal(transitions[^1].To, Text(await caraway.Get($"/cases/{id}"), "current_status"));
        Assert.Equal(transitions.Length - 1, await Events(id, "case.moved"));
        Assert.Equal(assignments, await Events(id, "case.assigned"));
        Assert.Equal(assignments == 0 ? transitions.Length : assignments + 2, await caraway.Version(id));
    }

    private Task<long> Events(long id, string name) => caraway.Database.Scalar<long>(
        "select count(*) from platform.events where subject = 'advocacy.case:' || @id and name = @name", ("id", id), ("name", name));

    private static Task<Answer[]> AtOnce(Func<int, Task<Answer>> request) => Task.WhenAll(Enumerable.Range(0, Callers).Select(request));

    private static string Text(Answer answer, string field) => answer.Json.GetProperty(field).GetString()!;
}

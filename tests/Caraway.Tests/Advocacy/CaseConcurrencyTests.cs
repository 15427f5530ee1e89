using Caraway.Advocacy;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

/// <summary>Many callers at once get the guarantees of one.</summary>
public sealed class CaseConcurrencyTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const int Callers = 20;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Twenty_moves_at_once_leave_exactly_one_legal_chain(int round)
    {
        var id = await caraway.OpenCase($"Round {round}");
        var targets = CaseWorkflow.Table.Statuses.Where(status => status != "CLOSED").ToArray();

        var answers = await Task.WhenAll(Enumerable.Range(0, Callers).Select(n => caraway.Patch($"/cases/{id}", $$"""{"status":"{{targets[(n + round) % targets.Length]}}"}""")));

        Assert.All(answers, answer => Assert.Contains(answer.Status, new[] { 200, 409 }));
        var chain = await IsLegalChain(id);
        var moved = answers.Count(a => a.Status == 200 && a.Json.GetProperty("previous_status").GetString() != a.Json.GetProperty("status").GetString());
        Assert.Equal(chain.Count - 1, moved);
    }

    [Fact]
    public async Task Twenty_equal_moves_at_once_are_one()
    {
        var id = await caraway.OpenCase();

        var answers = await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ => caraway.Patch($"/cases/{id}", """{"status":"IN_REVIEW"}""")));

        Assert.All(answers, answer => Assert.Equal(200, answer.Status));
        Assert.Equal(["NEW", "IN_REVIEW"], await IsLegalChain(id));
    }

    [Fact]
    public async Task Of_twenty_changes_meant_for_one_version_exactly_one_wins()
    {
        var id = await caraway.OpenCase();
        var tag = (await caraway.Get($"/cases/{id}")).Headers["ETag"];

        var answers = await Task.WhenAll(Enumerable.Range(0, Callers).Select(n => caraway.Patch($"/cases/{id}", $$"""{"assignee":"person {{n}}"}""", ("If-Match", tag))));

        Assert.Single(answers, answer => answer.Status == 200);
        Assert.Equal(Callers - 1, answers.Count(answer => answer.Status == 412));
    }

    [Fact]
    public async Task Of_twenty_intakes_with_one_reference_exactly_one_wins_and_the_others_name_it()
    {
        var before = await caraway.Database.Scalar<long>("select count(*) from advocacy.applicants");

        var answers = await Task.WhenAll(Enumerable.Range(0, Callers).Select(_ =>
            caraway.Post("/intakes", """{"full_name":"Ada","narrative":"Denied.","external_reference":"once"}""")));

        var won = Assert.Single(answers, answer => answer.Status == 201).Json.GetProperty("case_id").GetInt64();
        foreach (var lost in answers.Where(answer => answer.Status != 201))
        {
            Assert.Equal("External reference already used", lost.IsProblem(409, "external_reference_used").Detail);
            Assert.Equal(won, lost.Json.GetProperty("case_id").GetInt64());
        }

        Assert.Equal(before + 1, await caraway.Database.Scalar<long>("select count(*) from advocacy.applicants"));
    }

    [Fact]
    public async Task Notes_and_moves_at_once_are_all_kept_in_the_order_of_their_ids()
    {
        var id = await caraway.OpenCase();

        var answers = await Task.WhenAll(Enumerable.Range(0, 2 * Callers).Select(n => n % 2 == 0
            ? caraway.Post($"/cases/{id}/notes", $$"""{"author":"a","body":"note {{n}}"}""")
            : caraway.Patch($"/cases/{id}", $$"""{"assignee":"person {{n}}"}""")));

        Assert.All(answers, answer => Assert.InRange(answer.Status, 200, 201));
        var notes = (await caraway.Get($"/cases/{id}")).Json.GetProperty("notes").EnumerateArray().Select(note => note.GetProperty("note_id").GetInt64()).ToList();
        Assert.Equal(Callers, notes.Count);
        Assert.Equal(notes.OrderDescending(), notes);
        Assert.Equal(Callers, await caraway.Database.Scalar<long>("select count(*) from platform.events where subject = 'advocacy.case:' || @id and name = 'case.assigned'", ("id", id)));
    }

    /// <summary>Each step begins where the one before it ended, is in the table, and the last is what the case says.</summary>
    /// <returns>The statuses, in order.</returns>
    private async Task<List<string>> IsLegalChain(long id)
    {
        var json = (await caraway.Get($"/cases/{id}")).Json;
        var chain = new List<string>();
        foreach (var step in json.GetProperty("status_events").EnumerateArray().Reverse())
        {
            var (from, to) = (step.GetProperty("from_status").GetString(), step.GetProperty("to_status").GetString()!);
            Assert.Equal(chain.LastOrDefault(), from);
            Assert.True(from is null ? to == "NEW" : CaseWorkflow.Table.Allows(from, to), $"{from} -> {to}");
            chain.Add(to);
        }

        Assert.Equal(chain[^1], json.GetProperty("current_status").GetString());
        return chain;
    }
}

using System.Text;
using Caraway.Advocacy;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class CaseWorkflowTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    /// <summary>How a case comes to each status.</summary>
    private static readonly Dictionary<string, string[]> Ways = new(StringComparer.Ordinal)
    {
        ["NEW"] = [],
        ["IN_REVIEW"] = ["IN_REVIEW"],
        ["NEEDS_INFO"] = ["IN_REVIEW", "NEEDS_INFO"],
        ["SUBMITTED"] = ["IN_REVIEW", "SUBMITTED"],
        ["APPROVED"] = ["IN_REVIEW", "SUBMITTED", "APPROVED"],
        ["DENIED"] = ["IN_REVIEW", "SUBMITTED", "DENIED"],
        ["CLOSED"] = ["CLOSED"],
    };

    public static TheoryData<string> Statuses => [.. CaseWorkflow.Table.Statuses];

    [Fact]
    public void The_whole_matrix_is_the_contracts()
    {
        var matrix = new StringBuilder();
        foreach (var from in CaseWorkflow.Table.Statuses)
        {
            matrix.Append(from.PadRight(10));
            foreach (var to in CaseWorkflow.Table.Statuses)
                matrix.Append(CaseWorkflow.Table.Allows(from, to) ? " x" : " .");
            matrix.Append('\n');
        }

        // Columns: NEW IN_REVIEW NEEDS_INFO SUBMITTED APPROVED DENIED CLOSED
        Assert.Equal(
            """
            NEW        . x . . . . x
            IN_REVIEW  . . x x . . x
            NEEDS_INFO . x . . . . x
            SUBMITTED  . . . . x x x
            APPROVED   . . . . . . x
            DENIED     . . . . . . x
            CLOSED     . . . . . . .

            """,
            matrix.ToString());
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task Every_move_of_the_matrix_holds_over_HTTP(string from)
    {
        foreach (var to in CaseWorkflow.Table.Statuses)
        {
            var id = await caraway.OpenCase();
            await caraway.Move(id, Ways[from]);
            var (moves, events, tag) = await Written(id);

            var answer = await caraway.Patch($"/cases/{id}", $$"""{"status":"{{to}}","reason":"because"}""");

            var after = await Written(id);
            if (to == from)
            {
                Assert.Equal(200, answer.Status);
                Assert.Equal((moves, events, tag), after);
            }
            else if (CaseWorkflow.Table.Allows(from, to))
            {
                Assert.Equal($$"""{"case_id":{{id}},"previous_status":"{{from}}","status":"{{to}}","assignee":null}""", answer.Body);
                Assert.Equal((moves + 1, events + 1), (after.Moves, after.Events));
                Assert.NotEqual(tag, after.Tag);
            }
            else
            {
                Assert.Equal($"Invalid status transition {from} -> {to}", answer.IsProblem(409, "invalid_transition").Detail);
                Assert.Equal((moves, events, tag), after);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task A_case_tells_where_it_may_go(string status)
    {
        var id = await caraway.OpenCase();
        await caraway.Move(id, Ways[status]);

        var allowed = (await caraway.Get($"/cases/{id}")).Json.GetProperty("allowed_transitions").EnumerateArray().Select(s => s.GetString());

        Assert.Equal(CaseWorkflow.Table.From(status), allowed);
    }

    private async Task<(long Moves, long Events, string Tag)> Written(long id) => (
        await caraway.Database.Scalar<long>("select count(*) from advocacy.status_events where case_id = @id", ("id", id)),
        await caraway.Database.Scalar<long>("select count(*) from platform.events where subject = 'advocacy.case:' || @id", ("id", id)),
        (await caraway.Get($"/cases/{id}")).Headers["ETag"]);
}

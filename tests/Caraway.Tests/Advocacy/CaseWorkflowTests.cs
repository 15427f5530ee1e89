using System.Text;
using Caraway.Advocacy;
using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Advocacy;

public sealed class CaseWorkflowTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    public static TheoryData<string, string> Pairs =>
        [
            .. from before in CaseContract.Statuses
               from after in CaseContract.Statuses
               select new TheoryDataRow<string, string>(before, after),
        ];

    [Fact]
    public void The_matrix_of_transitions_is_that_of_the_contract()
    {
        const string Contract = """
            from \ to    NEW          IN_REVIEW    NEEDS_INFO   SUBMITTED    APPROVED     DENIED       CLOSED
            NEW          same         yes          no           no           no           no           yes
            IN_REVIEW    no           same         yes          yes          no           no           yes
            NEEDS_INFO   no           yes          same         no           no           no           yes
            SUBMITTED    no           no           no           same         yes          yes          yes
            APPROVED     no           no           no           no           same         no           yes
            DENIED       no           no           no           no           no           same         yes
            CLOSED       no           no           no           no           no           no           same
            """;

        Assert.Equal(Contract, Print(CaseWorkflow.Table.Statuses, CaseWorkflow.Table.Allows));
        Assert.Equal(
            Contract, Print(CaseContract.Statuses, (before, after) => CaseContract.From(before).Contains(after, StringComparer.Ordinal)));
    }

    [Fact]
    public void A_case_begins_in_NEW_and_only_CLOSED_is_final()
    {
        Assert.Equal(("advocacy.case", "NEW"), (CaseWorkflow.Table.Name, CaseWorkflow.Table.Initial));
        Assert.Equal(["CLOSED"], CaseWorkflow.Table.Final);
    }

    [Theory, MemberData(nameof(Pairs))]
    public async Task Each_pair_is_answered_as_the_table_says(string before, string after)
    {
        var id = await caraway.OpenCase();
        await caraway.Transition(id, CaseContract.WayTo(before));
        var (transitions, version) = (await caraway.Transitions(id), await caraway.Version(id));

        if (before == after)
        {
            Is(200, before, after, await caraway.WritesNothing(() => Transition(id, after)));
        }
        else if (CaseContract.From(before).Contains(after, StringComparer.Ordinal))
        {
            Is(200, before, after, await Transition(id, after));
            Assert.Equal(transitions.Append((before, after)), await caraway.Transitions(id));
            Assert.Equal(version + 1, await caraway.Version(id));
        }
        else
        {
            var answer = await caraway.WritesNothing(() => Transition(id, after));
            answer.IsProblem(409, "invalid_transition");
            Assert.Equal($"Invalid status transition {before} -> {after}", answer.Detail);
        }

        void Is(int status, string previous, string current, Answer answer)
        {
            Assert.Equal(status, answer.Status);
            Shape.Is($$"""{"case_id":{{id}},"previous_status":"{{previous}}","status":"{{current}}","assignee":null}""", answer);
        }
    }

    [Fact]
    public async Task A_closed_case_cannot_be_reopened()
    {
        var id = await caraway.OpenCase();
        await caraway.Transition(id, "IN_REVIEW", "SUBMITTED", "DENIED", "CLOSED");

        var answer = await caraway.WritesNothing(() => Transition(id, "IN_REVIEW"));

        answer.IsProblem(409, "invalid_transition");
        Assert.Equal("Invalid status transition CLOSED -> IN_REVIEW", answer.Detail);
    }

    [Fact]
    public async Task A_case_may_need_information_several_times()
    {
        var id = await caraway.OpenCase();

        await caraway.Transition(id, "IN_REVIEW", "NEEDS_INFO", "IN_REVIEW", "NEEDS_INFO", "IN_REVIEW", "SUBMITTED", "APPROVED", "CLOSED");

        Assert.Equal(9, (await caraway.Transitions(id)).Length);
    }

    private Task<Answer> Transition(long id, string status) => caraway.Patch($"/cases/{id}", $$"""{"status":"{{status}}"}""");

    private static string Print(IReadOnlyList<string> statuses, Func<string, string, bool> allows)
    {
        var text = new StringBuilder();
        Row([@"from \ to", .. statuses]);
        foreach (var before in statuses)
            Row([before, .. statuses.Select(after => before == after ? "same" : allows(before, after) ? "yes" : "no")]);
        return text.ToString().TrimEnd('\n');

        void Row(IEnumerable<string> cells) => text.Append(string.Concat(cells.Select(cell => cell.PadRight(13))).TrimEnd()).Append('\n');
    }
}

using Caraway.Tests.Infrastructure;

namespace Caraway.Tests.Platform.Workflows;

public sealed class WorkflowEndpointTests(CarawayFixture caraway) : IClassFixture<CarawayFixture>
{
    private const string Json = "application/json";
    private const string Mermaid = "text/vnd.mermaid";

    [Fact]
    public async Task The_list_has_every_workflow_and_is_open()
    {
        var answer = await Ask("/workflows");

        Assert.Equal(200, answer.Status);
        Assert.Contains(
            "advocacy.case", answer.Json.GetProperty("items").EnumerateArray().Select(item => item.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task A_workflow_has_its_statuses_and_transitions()
    {
        var workflow = (await Ask("/workflows/advocacy.case")).Json;

        Assert.Equal(["name", "initial", "statuses", "final", "moves"], workflow.EnumerateObject().Select(member => member.Name));
        Assert.Equal("NEW", workflow.GetProperty("initial").GetString());
        Assert.Equal(["CLOSED"], workflow.GetProperty("final").EnumerateArray().Select(status => status.GetString()!));
        Assert.Equal(
            [
                "NEW IN_REVIEW", "NEW CLOSED", "IN_REVIEW NEEDS_INFO", "IN_REVIEW SUBMITTED", "IN_REVIEW CLOSED", "NEEDS_INFO IN_REVIEW",
                "NEEDS_INFO CLOSED", "SUBMITTED APPROVED", "SUBMITTED DENIED", "SUBMITTED CLOSED", "APPROVED CLOSED", "DENIED CLOSED",
            ],
            workflow.GetProperty("moves").EnumerateArray()
                .Select(transition => $"{transition.GetProperty("from").GetString()} {transition.GetProperty("to").GetString()}"));
    }

    [Fact]
    public async Task A_workflow_can_be_drawn()
    {
        var answer = await Ask("/workflows/advocacy.case", ("Accept", Mermaid));

        Assert.Equal(200, answer.Status);
        Assert.StartsWith(Mermaid, answer.Headers["Content-Type"], StringComparison.Ordinal);
        Assert.StartsWith("stateDiagram-v2\n    [*] --> NEW\n    NEW --> IN_REVIEW\n", answer.Body, StringComparison.Ordinal);
        Assert.EndsWith("    CLOSED --> [*]\n", answer.Body, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, Json)]
    [InlineData("*/*", Json)]
    [InlineData("application/*", Json)]
    [InlineData("text/*", Mermaid)]
    [InlineData("APPLICATION/JSON", Json)]
    [InlineData("application/json, text/vnd.mermaid", Json)]
    [InlineData("text/vnd.mermaid, application/json;q=0.9", Mermaid)]
    [InlineData("application/json;q=0.5, text/vnd.mermaid;q=0.4", Json)]
    [InlineData("text/vnd.mermaid, */*;q=0.1", Mermaid)]
    [InlineData("application/json;q=0, */*", Mermaid)]
    [InlineData("text/html, application/xhtml+xml, */*;q=0.8", Json)]
    public async Task The_format_is_the_one_that_the_caller_prefers(string? accept, string expected)
    {
        var answer = accept is null ? await Ask("/workflows/advocacy.case") : await Ask("/workflows/advocacy.case", ("Accept", accept));

        Assert.Equal(200, answer.Status);
        Assert.Equal(expected, answer.Headers["Content-Type"].Split(';')[0]);
    }

    [Theory]
    [InlineData("text/html")]
    [InlineData("application/json;q=0")]
    [InlineData("*/*;q=0")]
    public async Task An_unavailable_format_is_406(string accept) =>
        (await Ask("/workflows/advocacy.case", ("Accept", accept))).IsProblem(406, "not_acceptable");

    [Theory]
    [InlineData("/workflows/nothing")]
    [InlineData("/workflows/advocacy.CASE")]
    [InlineData("/workflows/%F0%9F%8C%BF")]
    public async Task An_unknown_workflow_is_not_found(string path)
    {
        var answer = (await Ask(path)).IsProblem(404, "workflow_not_found");

        Assert.Equal("Workflow not found", answer.Detail);
    }

    private Task<Answer> Ask(string path, params (string Name, string Value)[] headers) =>
        CarawayFixture.Send(caraway.Stranger, HttpMethod.Get, path, null, headers);
}

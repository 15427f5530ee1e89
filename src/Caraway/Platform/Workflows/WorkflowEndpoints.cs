using System.Text.Json.Serialization;
using Caraway.Platform.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Caraway.Platform.Workflows;

/// <summary><c>GET /workflows</c> and <c>GET /workflows/{name}</c>: the rules of every module, open to all.</summary>
internal static class WorkflowEndpoints
{
    private const string Mermaid = "text/vnd.mermaid";
    private const string Json = "application/json";

    /// <param name="Name">Module and thing: <c>advocacy.case</c>.</param>
    /// <param name="Statuses">Every status, in reading order.</param>
    /// <param name="Final">The statuses without a transition to another one.</param>
    /// <param name="Transitions">The legal transitions. The answer keeps their first name.</param>
    public sealed record WorkflowAnswer(
        string Name,
        string Initial,
        IReadOnlyList<string> Statuses,
        IReadOnlyList<string> Final,
        [property: JsonPropertyName("moves")] IReadOnlyList<Transition> Transitions);

    public sealed record WorkflowList(IReadOnlyList<WorkflowAnswer> Items);

    public static void MapWorkflows(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/workflows", List)
            .AllowAnonymous()
            .WithTags("Workflows")
            .WithSummary("List every workflow with its statuses and transitions");

        routes.MapGet("/workflows/{name}", Get)
            .AllowAnonymous()
            .WithTags("Workflows")
            .WithSummary("Get a workflow as JSON or as a Mermaid diagram")
            .Produces<WorkflowAnswer>(200, Json, Mermaid)
            .Refuses(404, 406);
    }

    /// <summary>Makes these routes show a module's workflow.</summary>
    public static IServiceCollection AddWorkflow(this IServiceCollection services, Workflow workflow) => services.AddSingleton(workflow);

    private static Ok<WorkflowList> List(IEnumerable<Workflow> workflows) =>
        TypedResults.Ok(new WorkflowList([.. workflows.OrderBy(w => w.Name, StringComparer.Ordinal).Select(Answer)]));

    private static IResult Get(string name, IEnumerable<Workflow> workflows, HttpRequest request)
    {
        if (workflows.FirstOrDefault(w => w.Name == name) is not { } workflow)
            return Refusal.NotFound(ProblemCodes.WorkflowNotFound, "Workflow not found");
        return Preferred(request) switch
        {
            Json => TypedResults.Ok(Answer(workflow)),
            Mermaid => TypedResults.Text(workflow.Draw(), Mermaid),
            _ => Refusal.NotAcceptable($"A workflow is available as {Json} and as {Mermaid}."),
        };
    }

    /// <summary>Content negotiation (RFC 9110, section 12.5.1) between two types. JSON wins when both have the same weight.</summary>
    private static string? Preferred(HttpRequest request)
    {
        if (request.Headers.Accept.Count == 0)
            return Json;
        if (!MediaTypeHeaderValue.TryParseList(request.Headers.Accept, out var accepted))
            return null;
        var (json, mermaid) = (Weight(accepted, Json), Weight(accepted, Mermaid));
        if (json <= 0 && mermaid <= 0)
            return null;
        return mermaid > json ? Mermaid : Json;
    }

    /// <summary>The quality of the most specific range that includes the type. Parameters such as charset are ignored.</summary>
    private static double Weight(IEnumerable<MediaTypeHeaderValue> accepted, string type)
    {
        var media = new MediaTypeHeaderValue(type);
        return accepted.Where(range => Includes(range, media))
            .OrderBy(range => range.MatchesAllTypes ? 2 : range.MatchesAllSubTypes ? 1 : 0)
            .Select(range => range.Quality ?? 1)
            .FirstOrDefault(0);
    }

    private static bool Includes(MediaTypeHeaderValue range, MediaTypeHeaderValue media) =>
        range.MatchesAllTypes || (Same(range.Type, media.Type) && (range.MatchesAllSubTypes || Same(range.SubType, media.SubType)));

    private static bool Same(StringSegment one, StringSegment other) => one.Equals(other, StringComparison.OrdinalIgnoreCase);

    private static WorkflowAnswer Answer(Workflow workflow) =>
        new(workflow.Name, workflow.Initial, workflow.Statuses, [.. workflow.Final], workflow.Transitions);
}

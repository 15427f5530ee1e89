using System.Text.Json.Serialization;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Caraway.Platform.Http;

/// <summary>
/// <c>/health</c> for people, <c>/health/live</c> and <c>/health/ready</c> for orchestrators, and the service's name at <c>/</c>.
/// </summary>
internal static class Health
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <param name="Detail">Only when the schema of the database does not fit the program: the reason.</param>
    public sealed record Answer(
        string Status,
        string Service,
        string Version,
        string Database,
        [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Detail = null);

    public sealed record Greeting(string Status, string Service);

    public static void MapHealth(this IEndpointRouteBuilder routes)
    {
        MapProbe(routes, "/", Greet, "Get the service's name");
        MapProbe(routes, "/health", Check, "Check that the database answers").Produces<Answer>(503);
        MapProbe(routes, "/health/ready", Check, "Check that this process can serve requests").Produces<Answer>(503);
        MapProbe(routes, "/health/live", Greet, "Check that the process runs");
    }

    private static RouteHandlerBuilder MapProbe(IEndpointRouteBuilder routes, string path, Delegate handler, string summary) =>
        routes.MapGet(path, handler)
            .AllowAnonymous()
            .WithMetadata(new Unlimited())
            .WithTags("Health")
            .WithSummary(summary);

    private static Ok<Greeting> Greet(IOptions<ServerOptions> server) => TypedResults.Ok(new Greeting("ok", server.Value.ServiceName));

    private static async Task<Results<Ok<Answer>, JsonHttpResult<Answer>>> Check(
        NpgsqlDataSource source,
        IOptions<ServerOptions> server,
        TimeProvider time,
        IHostApplicationLifetime lifetime,
        CancellationToken cancel)
    {
        var misfits = lifetime.ApplicationStopping.IsCancellationRequested ? null : await FindMisfits(source, time, cancel);
        var service = server.Value.ServiceName;
        if (misfits is [])
            return TypedResults.Ok(new Answer("oh yeah, we good", service, ProgramVersion.Text, "postgresql"));
        var detail = misfits is null ? null : "The schema of the database does not fit this program. " + string.Join(' ', misfits);
        var notReady = new Answer("not ready", service, ProgramVersion.Text, "postgresql", detail);
        return TypedResults.Json(notReady, PlatformJson.Default.Answer, statusCode: 503);
    }

    /// <returns>The reasons why the schema does not fit the program, or null when the database does not answer in time.</returns>
    private static async Task<IReadOnlyList<string>?> FindMisfits(NpgsqlDataSource source, TimeProvider time, CancellationToken cancel)
    {
        using var patience = new CancellationTokenSource(Patience, time);
        using var both = CancellationTokenSource.CreateLinkedTokenSource(cancel, patience.Token);
        try
        {
            // A server that is stopped does not answer a cancellation either. The call then ends by itself, later.
            var status = await new Migrator(source, Migrator.Embedded).Status(both.Token).WaitAsync(both.Token);
            return Migrator.Misfits(Migrator.Embedded, status);
        }
        catch (Exception e) when (e is NpgsqlException || (e is OperationCanceledException && !cancel.IsCancellationRequested))
        {
            return null;
        }
    }
}

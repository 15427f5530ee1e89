using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Search;
using Caraway.Platform.Security;
using Caraway.Platform.Workflows;
using Caraway.Support.Contracts;
using Caraway.Support.Files;

namespace Caraway.Support;

/// <summary>Troubleshooting cases of users: every route, with its permission, and every registration.</summary>
internal static class SupportModule
{
    public static IServiceCollection AddSupport(this IServiceCollection services) => services
        .AddWorkflow(CaseWords.Table)
        .AddSingleton<SupportPages>()
        .AddSingleton(CountCases.Gauge)
        .AddSingleton(CountCases.OldestUntouchedAge)
        .AddEventHandler<WhenCaseChanged>()
        .AddEventHandler<IndexCaseWords>()
        .AddSearchSource<SearchCases>()
        .AddJob<ImportJob>(ImportJob.Queue)
        .AddSingleton<ImportCleanup>()
        .AddHostedService(provider => provider.GetRequiredService<ImportCleanup>());

    public static void MapSupport(this IEndpointRouteBuilder app)
    {
        var routes = app.MapGroup("/api/v1").WithTags("Support").WithMetadata(new WithoutCredential(Denial.UserIdMissing));
        MapCases(routes);
        MapShares(routes);
        MapTemplates(routes);
        MapFiles(routes);
    }

    private static void MapCases(RouteGroupBuilder routes)
    {
        routes.MapPost("/cases", CreateCase.Handle)
            .Needs(SupportPermissions.Write)
            .TakesIdempotencyKey()
            .Refuses(400, 401, 403, 409, 413, 415, 422)
            .WithSummary("Open a support case")
            .WithExample("""
                {
                  "title": "The upload stops at 99 %", "description": "Since Monday, every document over 10 MB.",
                  "severity": "high", "category": "error", "metadata": {"browser": "Firefox 140"}, "tags": ["upload"]
                }
                """);

        routes.MapGet("/cases", ListCases.Handle)
            .Needs(SupportPermissions.Read)
            .Refuses(401, 403, 422)
            .WithSummary("List support cases, newest first");

        routes.MapGet("/cases/analytics", AnalyzeCases.Handle)
            .Needs(SupportPermissions.Read)
            .Refuses(401, 403, 422)
            .WithSummary("Count support cases by status, severity, category and day, and times to resolution");

        routes.MapGet("/cases/session/{session_id}", ListCases.HandleSession)
            .Needs(SupportPermissions.Read)
            .Refuses(401, 403, 422)
            .WithSummary("List the support cases of a session, newest first");

        routes.MapGet("/cases/{case_id}", GetCase.Handle)
            .Needs(SupportPermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("Get a support case");

        routes.MapPut("/cases/{case_id}", UpdateCase.Handle)
            .Needs(SupportPermissions.Write)
            .WithMetadata(new TakesIfMatch())
            .Refuses(400, 401, 403, 404, 409, 412, 413, 415, 422)
            .WithSummary("Change a support case")
            .WithExample("""{"severity": "critical", "tags": ["upload", "urgent"]}""");

        routes.MapPost("/cases/{case_id}/status", UpdateCase.HandleMove)
            .Needs(SupportPermissions.Write)
            .WithMetadata(new TakesIfMatch())
            .Refuses(400, 401, 403, 404, 409, 412, 413, 415, 422)
            .WithSummary("Move a support case to another status")
            .WithExample("""{"status": "investigating"}""");

        routes.MapDelete("/cases/{case_id}", DeleteCase.Handle)
            .Needs(SupportPermissions.Write)
            .WithMetadata(new TakesIfMatch())
            .Refuses(401, 403, 404, 409, 412)
            .WithSummary("Delete a support case");

        routes.MapGet("/cases/{case_id}/history", GetHistory.Handle)
            .Needs(SupportPermissions.Read)
            .Refuses(401, 403, 404, 422)
            .WithSummary("List every move and change of a support case, newest first");
    }

    private static void MapShares(RouteGroupBuilder routes)
    {
        routes.MapGet("/cases/{case_id}/shares", ListShares.Handle)
            .Needs(SupportPermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("List with whom a support case is shared");

        routes.MapGet("/cases/{case_id}/shares/{user_id}", ListShares.HandleOne)
            .Needs(SupportPermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("Get one share of a support case");

        routes.MapPut("/cases/{case_id}/shares/{user_id}", ShareCase.Handle)
            .Needs(SupportPermissions.Write)
            .Refuses(400, 401, 403, 404, 409, 413, 415, 422)
            .WithSummary("Share a support case with a user")
            .WithExample("""{"access": "view"}""");

        routes.MapDelete("/cases/{case_id}/shares/{user_id}", UnshareCase.Handle)
            .Needs(SupportPermissions.Write)
            .Refuses(401, 403, 404)
            .WithSummary("Revoke a share of a support case");
    }

    private static void MapTemplates(RouteGroupBuilder routes)
    {
        routes.MapPost("/case-templates", CreateTemplate.Handle)
            .Needs(SupportPermissions.Write)
            .TakesIdempotencyKey()
            .Refuses(400, 401, 403, 409, 413, 415, 422)
            .WithSummary("Make a template of support cases")
            .WithExample("""
                {
                  "name": "Slow page", "title": "Slow page, {{date}}", "description": "{{user}} reports a slow page.",
                  "category": "performance", "tags": ["slow"], "checklist": ["Which page?", "Since when?"]
                }
                """);

        routes.MapGet("/case-templates", ListTemplates.Handle)
            .Needs(SupportPermissions.Read)
            .Refuses(401, 403, 422)
            .WithSummary("List your own and the global templates, newest first");

        routes.MapGet("/case-templates/{id}", ListTemplates.HandleOne)
            .Needs(SupportPermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("Get a template");

        routes.MapPut("/case-templates/{id}", UpdateTemplate.Handle)
            .Needs(SupportPermissions.Write)
            .WithMetadata(new TakesIfMatch())
            .Refuses(400, 401, 403, 404, 409, 412, 413, 415, 422)
            .WithSummary("Change a template")
            .WithExample("""{"severity": "low"}""");

        routes.MapDelete("/case-templates/{id}", UpdateTemplate.HandleDelete)
            .Needs(SupportPermissions.Write)
            .WithMetadata(new TakesIfMatch())
            .Refuses(401, 403, 404, 412)
            .WithSummary("Delete a template");
    }

    private static void MapFiles(RouteGroupBuilder routes)
    {
        routes.MapGet("/cases/export", ExportCases.Handle)
            .Needs(SupportPermissions.Read)
            .Refuses(401, 403, 422)
            .WithSummary("Export support cases as a file, oldest first");

        routes.MapPost("/cases/import", ImportCases.Handle)
            .Needs(SupportPermissions.Write)
            .WithMetadata(new TakesIdempotencyKey { KeepsBody = false }, new RequestSizeLimit(ImportCases.LongestBody))
            .Accepts<ImportCases.Body>(FileFormat.JsonType, FileFormat.LinesType, FileFormat.CsvType)
            .Refuses(401, 403, 409, 413, 415, 422)
            .WithSummary("Import support cases from a file")
            .WithExample("""
                {
                  "cases": [
                    {"title": "The export lacks a column", "severity": "low", "status": "resolved", "tags": ["export"]},
                    {"description": "A case without a title gets a number of the day."}
                  ]
                }
                """)
            .WithTextExample(FileFormat.LinesType, """{"title": "The export lacks a column", "severity": "low"}""")
            .WithTextExample(FileFormat.CsvType, "title,severity\nThe export lacks a column,low");

        routes.MapGet("/imports/{id}", GetImport.Handle)
            .Needs(SupportPermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("Get the state of an import");
    }
}

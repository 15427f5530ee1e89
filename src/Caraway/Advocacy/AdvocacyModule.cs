using Caraway.Advocacy.Contracts;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Security;

namespace Caraway.Advocacy;

/// <summary>Advocacy cases from intake to decision: every route, with its permission, and every registration.</summary>
internal static class AdvocacyModule
{
    public static IServiceCollection AddAdvocacy(this IServiceCollection services)
    {
        foreach (var rule in AdvocacyEvents.Timeline)
            services.AddSingleton(rule);
        return services.AddSingleton(CaseWorkflow.Table).AddSingleton(CountCases.Gauge).AddJob<ProcessDocument>(ProcessDocument.Queue);
    }

    public static void MapAdvocacy(this IEndpointRouteBuilder app)
    {
        var routes = app.MapGroup("").WithTags("Advocacy");

        routes.MapPost("/intakes", SubmitIntake.Handle).Needs(Permission.AdvocacyWrite).TakesIdempotencyKey().Refuses(400, 401, 403, 409, 413, 415, 422).WithSummary("Take in a person's request; a case opens");
        routes.MapGet("/cases", ListCases.Handle).Needs(Permission.AdvocacyRead).Refuses(401, 403, 422).WithSummary("Cases, newest first");
        routes.MapGet("/cases/{id}", GetCase.Handle).Needs(Permission.AdvocacyRead).Refuses(401, 403, 404).WithSummary("A case with its applicant, moves and notes");
        routes.MapPatch("/cases/{id}", UpdateCase.Handle).Needs(Permission.AdvocacyWrite).WithMetadata(new TakesIfMatch()).Refuses(400, 401, 403, 404, 409, 412, 413, 415, 422).WithSummary("Move a case or assign it");
        routes.MapPost("/cases/{id}/notes", AddNote.Handle).Needs(Permission.AdvocacyWrite).TakesIdempotencyKey().Refuses(400, 401, 403, 404, 409, 413, 415, 422).WithSummary("Add a note to a case");
        routes.MapGet("/cases/{id}/notes", ListNotes.Handle).Needs(Permission.AdvocacyRead).Refuses(401, 403, 404).WithSummary("A case's notes, newest first");
        routes.MapPost("/cases/{id}/documents", AddDocument.Handle).Needs(Permission.AdvocacyWrite).TakesIdempotencyKey().Refuses(400, 401, 403, 404, 409, 413, 415, 422).WithSummary("Add a reference to a document; its processing is queued");
        routes.MapGet("/cases/{id}/documents", ListDocuments.Handle).Needs(Permission.AdvocacyRead).Refuses(401, 403, 404).WithSummary("A case's documents, newest first");
        routes.MapGet("/cases/{id}/timeline", GetCaseTimeline.Handle).Needs(Permission.AdvocacyRead).Refuses(401, 403, 404, 422).WithSummary("All that happened to a case, newest first");
        routes.MapGet("/cases/{id}/access-log", GetCaseAccessLog.Handle).Needs(Permission.AuditRead).Refuses(401, 403, 404, 422).WithSummary("Who was shown a case, when and why");
        routes.MapPost("/internal/documents/{document_id}/process", RequestProcessing.Handle).Needs(Permission.AdvocacyWrite).Refuses(401, 403, 404).WithSummary("Queue a document's processing again");
    }
}

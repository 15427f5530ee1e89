using Caraway.Advocacy.Contracts;
using Caraway.Platform.Events;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Search;
using Caraway.Platform.Security;
using Caraway.Platform.Workflows;

namespace Caraway.Advocacy;

/// <summary>Advocacy cases from intake to decision: every route, with its permission, and every registration.</summary>
internal static class AdvocacyModule
{
    public static IServiceCollection AddAdvocacy(this IServiceCollection services) => services
        .AddWorkflow(CaseWorkflow.Table)
        .AddTimeline(AdvocacyEvents.Timeline)
        .AddSingleton(CountCases.Gauge)
        .AddEventHandler<WhenCaseChanged>()
        .AddEventHandler<IndexCaseWords>()
        .AddSearchSource<SearchCases>()
        .AddJob<ProcessDocument>(ProcessDocument.Queue);

    public static void MapAdvocacy(this IEndpointRouteBuilder app)
    {
        var routes = app.MapGroup("").WithTags("Advocacy").WithMetadata(new WithoutCredential(Denial.KeyRefused));

        routes.MapPost("/intakes", SubmitIntake.Handle)
            .Needs(AdvocacyPermissions.Write)
            .TakesIdempotencyKey()
            .Refuses(400, 401, 403, 409, 413, 415, 422)
            .WithSummary("Submit a person's request, which opens a case")
            .WithExample("""
                {
                  "full_name": "Ada Lovelace", "email": "ada@example.org", "phone": "+45 12 34 56 78",
                  "narrative": "My plan denied the treatment."
                }
                """);

        routes.MapGet("/cases", ListCases.Handle)
            .Needs(AdvocacyPermissions.Read)
            .Refuses(401, 403, 422)
            .WithSummary("List cases, newest first");

        routes.MapGet("/cases/analytics", AnalyzeCases.Handle)
            .Needs(AdvocacyPermissions.Read)
            .Refuses(401, 403, 422)
            .WithSummary("Count cases by status and day, times to decision, and decisions by month");

        routes.MapGet("/cases/{id}", GetCase.Handle)
            .Needs(AdvocacyPermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("Get a case with its applicant, status events and notes");

        routes.MapPatch("/cases/{id}", UpdateCase.Handle)
            .Needs(AdvocacyPermissions.Write)
            .WithMetadata(new TakesIfMatch())
            .Refuses(400, 401, 403, 404, 409, 412, 413, 415, 422)
            .WithSummary("Change a case's status or assignee")
            .WithExample("""
                {"status": "IN_REVIEW", "assignee": "Grace Hopper", "actor": "Ines Soto", "reason": "The papers are complete."}
                """);

        routes.MapPatch("/cases/{id}/applicant", CorrectApplicant.Handle)
            .Needs(AdvocacyPermissions.Write)
            .WithMetadata(new TakesIfMatch())
            .Refuses(400, 401, 403, 404, 412, 413, 415, 422)
            .WithSummary("Correct the applicant of a case")
            .WithExample("""{"full_name": "Ada King", "phone": "+45 87 65 43 21"}""");

        routes.MapPut("/cases/{id}/patient", LinkPatient.Handle)
            .Needs(AdvocacyPermissions.Write)
            .WithMetadata(new TakesIfMatch())
            .Refuses(400, 401, 403, 404, 412, 413, 415, 422)
            .WithSummary("Link a case to a patient")
            .WithExample("""{"patient_id": 2}""");

        routes.MapDelete("/cases/{id}/patient", UnlinkPatient.Handle)
            .Needs(AdvocacyPermissions.Write)
            .WithMetadata(new TakesIfMatch())
            .Refuses(401, 403, 404, 412)
            .WithSummary("End a case's link to a patient");

        routes.MapPost("/cases/{id}/notes", AddNote.Handle)
            .Needs(AdvocacyPermissions.Write)
            .TakesIdempotencyKey()
            .Refuses(400, 401, 403, 404, 409, 413, 415, 422)
            .WithSummary("Add a note to a case")
            .WithExample("""{"author": "Ines Soto", "body": "The insurer promised an answer by Friday."}""");

        routes.MapGet("/cases/{id}/notes", ListNotes.Handle)
            .Needs(AdvocacyPermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("List a case's notes, newest first");

        routes.MapPost("/cases/{id}/documents", AddDocument.Handle)
            .Needs(AdvocacyPermissions.Write)
            .TakesIdempotencyKey()
            .Refuses(400, 401, 403, 404, 409, 413, 415, 422)
            .WithSummary("Add a reference to a document and queue its processing")
            .WithExample("""
                {"filename": "denial-letter.pdf", "content_type": "application/pdf", "uri": "https://files.example.org/denial-letter.pdf"}
                """);

        routes.MapGet("/cases/{id}/documents", ListDocuments.Handle)
            .Needs(AdvocacyPermissions.Read)
            .Refuses(401, 403, 404)
            .WithSummary("List a case's documents, newest first");

        routes.MapGet("/cases/{id}/timeline", GetCaseTimeline.Handle)
            .Needs(AdvocacyPermissions.Read)
            .Refuses(401, 403, 404, 422)
            .WithSummary("List everything that happened to a case, newest first");

        routes.MapGet("/cases/{id}/access-log", GetCaseAccessLog.Handle)
            .Needs(Permission.AuditRead)
            .WithMetadata(new WithoutCredential(Denial.NotSignedIn))
            .Refuses(401, 403, 404, 422)
            .WithSummary("List who saw a case, when and why, newest first");

        routes.MapPost("/internal/documents/{document_id}/process", RequestProcessing.Handle)
            .Needs(AdvocacyPermissions.Write)
            .Refuses(401, 403, 404)
            .WithSummary("Queue a document's processing again");
    }
}

using System.Text;
using System.Text.Json;
using Caraway.Platform.Postgres;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Features;
using Npgsql;

namespace Caraway.Platform.Http;

/// <summary>
/// Turns what the framework raises into refusals: exceptions, bodies that do not bind, and answers that have a status but no body yet.
/// docs/design.md, section 4 is the table.
/// </summary>
internal sealed partial class Problems(ILogger<Problems> logger) : IExceptionHandler, IProblemDetailsWriter
{
    private const int ClientClosedRequest = 499;

    public static void Add(IServiceCollection services)
    {
        services.AddExceptionHandler<Problems>();
        services.AddSingleton<IProblemDetailsWriter, Problems>();
        services.AddProblemDetails();
    }

    public bool CanWrite(ProblemDetailsContext context) => true;

    /// <summary>The framework's validation ends here; so does every status without a body.</summary>
    public async ValueTask WriteAsync(ProblemDetailsContext context)
    {
        var refusal = context.ProblemDetails is HttpValidationProblemDetails invalid
            ? Refusal.Invalid([.. invalid.Errors.SelectMany(error => error.Value.Select(sentence => new ProblemError(Pointer(error.Key), sentence)))])
            : OfStatus(context.HttpContext.Response.StatusCode);
        await refusal.ExecuteAsync(context.HttpContext);
    }

    public async ValueTask<bool> TryHandleAsync(HttpContext httpContext, Exception exception, CancellationToken cancellationToken)
    {
        if (httpContext.RequestAborted.IsCancellationRequested)
        {
            httpContext.Response.StatusCode = ClientClosedRequest;
            return true;
        }

        RequestHeaders.Write(httpContext);
        await Explain(httpContext, exception).ExecuteAsync(httpContext);
        return true;
    }

    /// <summary>A property path of the validator (<c>Procedures[0].Amount</c>) as a JSON pointer (<c>#/procedures/0/amount</c>).</summary>
    internal static string Pointer(string path)
    {
        var pointer = new StringBuilder("#");
        foreach (var part in path.Split('.', '[').Select(part => part.TrimEnd(']')).Where(part => part is not ("" or "$")))
            pointer.Append('/').Append(JsonNamingPolicy.SnakeCaseLower.ConvertName(part.Trim('\'')).Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));
        return pointer.ToString();
    }

    private static Refusal OfStatus(int status) => Refusal.OfStatus(status, status switch
    {
        404 => "There is nothing at this address.",
        405 => "This address does not know that method.",
        406 => "None of the formats that you accept can be given.",
        413 => "The body is larger than this address takes.",
        415 => "Send the body as application/json.",
        500 => "Something went wrong here. The trace id helps us find it.",
        _ => "The request cannot be answered.",
    });

    private Refusal Explain(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case BadHttpRequestException { InnerException: JsonException json }:
                return OfJson(json);
            case BadHttpRequestException { StatusCode: 400 } when context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true && context.Request.HasJsonContentType():
                return Refusal.Invalid(new ProblemError("#", "The body must be a JSON object."));
            case BadHttpRequestException { StatusCode: 400 } when context.Request.HasJsonContentType() || !HttpMethods.IsGet(context.Request.Method):
                return Refusal.BadRequest(ProblemCodes.MalformedJson, "The body is empty; a JSON object is needed.");
            case BadHttpRequestException e:
                return OfStatus(e.StatusCode);
            case PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure } e:
                LogCrossed(e, context.TraceIdentifier);
                return Refusal.Busy("Others change the same things in this moment. Nothing was changed; try again.");
            case var e when PostgresErrors.IsStalePlan(e):
                LogStalePlan(e, context.TraceIdentifier);
                return Refusal.Busy("A migration changed the database during this request. Nothing was changed. Try again.");
            case var e when PostgresErrors.IsAway(exception):
                LogDatabaseAway(e, context.TraceIdentifier);
                return Refusal.Unavailable("The database cannot be reached. Nothing can be said of this request; try it again with the same Idempotency-Key.");
            default:
                LogBug(exception, context.TraceIdentifier);
                return OfStatus(500);
        }
    }

    private static Refusal OfJson(JsonException json)
    {
        // The reader's own exception is internal to System.Text.Json: it says that the text is no JSON, all others that a value does not fit.
        if (json.InnerException is { } inner && (inner is DecoderFallbackException || inner.GetType().Name == "JsonReaderException"))
            return Refusal.BadRequest(ProblemCodes.MalformedJson, "The body is not JSON.");
        var sentence = json is BodyValueException ? json.Message : "This has the wrong type.";
        return Refusal.Invalid(new ProblemError(Pointer(json.Path ?? "$"), sentence));
    }

    [LoggerMessage(1, LogLevel.Error, "The database is away. Request {RequestId}.")]
    private partial void LogDatabaseAway(Exception exception, string requestId);

    [LoggerMessage(3, LogLevel.Warning, "Two changes crossed, and the database ended one. Request {RequestId}.")]
    private partial void LogCrossed(Exception exception, string requestId);

    [LoggerMessage(4, LogLevel.Warning, "A migration changed a table during a transaction, which the database ended. Request {RequestId}.")]
    private partial void LogStalePlan(Exception exception, string requestId);

    [LoggerMessage(2, LogLevel.Error, "A bug. Request {RequestId}.")]
    private partial void LogBug(Exception exception, string requestId);
}

/// <summary>A value of the body that parses but cannot be taken; the message is for the caller.</summary>
internal sealed class BodyValueException(string sentence) : JsonException(sentence);

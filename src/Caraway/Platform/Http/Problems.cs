using System.Text;
using System.Text.Json;
using Caraway.Platform.Postgres;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Http.Features;
using Npgsql;

namespace Caraway.Platform.Http;

/// <summary>
/// Turns exceptions, bodies that cannot be bound, and answers with a status but without a body into refusals. Section 4 of
/// docs/design.md lists them.
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

    /// <summary>Writes the problem of a request that did not pass validation, and of a status without a body.</summary>
    public async ValueTask WriteAsync(ProblemDetailsContext context)
    {
        var refusal = context.ProblemDetails is HttpValidationProblemDetails invalid
            ? Refusal.Invalid([.. invalid.Errors.SelectMany(error => error.Value, (error, sentence) => Error(error.Key, sentence))])
            : ForStatus(context.HttpContext.Response.StatusCode);
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

    private static ProblemError Error(string path, string sentence) => new(Pointer(path), sentence);

    /// <summary>Turns a validator's path (<c>Procedures[0].Amount</c>) into a JSON pointer (<c>#/procedures/0/amount</c>).</summary>
    internal static string Pointer(string path)
    {
        var pointer = new StringBuilder("#");
        foreach (var part in path.Split('.', '[').Select(part => part.TrimEnd(']')).Where(part => part is not ("" or "$")))
        {
            var name = JsonNamingPolicy.SnakeCaseLower.ConvertName(part.Trim('\''));
            pointer.Append('/').Append(name.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal));
        }

        return pointer.ToString();
    }

    private static Refusal ForStatus(int status) => Refusal.ForStatus(status, status switch
    {
        404 => "There is nothing at this address.",
        405 => "This address does not support that method.",
        406 => "This address offers none of the formats that you accept.",
        413 => "The body is larger than this address allows.",
        415 => "This address does not take a body of this type. Most addresses take application/json.",
        500 => "Something went wrong in the program. Report the trace id.",
        _ => "The request cannot be answered.",
    });

    private Refusal Explain(HttpContext context, Exception exception)
    {
        switch (exception)
        {
            case BadHttpRequestException { InnerException: JsonException json }:
                return FromJson(json);
            case BadHttpRequestException { StatusCode: 400 } when HasBody(context) && context.Request.HasJsonContentType():
                return Refusal.Invalid(new ProblemError("#", "The body must be a JSON object."));
            case BadHttpRequestException { StatusCode: 400 } when MayTakeJson(context.Request):
                return Refusal.BadRequest(ProblemCodes.MalformedJson, "The body is empty; a JSON object is needed.");
            case BadHttpRequestException e:
                return ForStatus(e.StatusCode);
            case PostgresException { SqlState: PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure } e:
                LogConflict(e, context.TraceIdentifier);
                return Refusal.Busy("Another request changed the same data. Try again.");
            case var e when PostgresErrors.IsStalePlan(e):
                LogStalePlan(e, context.TraceIdentifier);
                return Refusal.Busy("A migration changed the database during this request. Nothing was changed. Try again.");
            case var e when PostgresErrors.IsAway(exception):
                LogDatabaseAway(e, context.TraceIdentifier);
                return Refusal.Unavailable(
                    "The database cannot be reached, so it is not known whether the request had its effect. "
                    + "Repeat it with the same Idempotency-Key.");
            default:
                LogBug(exception, context.TraceIdentifier);
                return ForStatus(500);
        }
    }

    private static bool HasBody(HttpContext context) => context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody == true;

    private static bool MayTakeJson(HttpRequest request) => request.HasJsonContentType() || !HttpMethods.IsGet(request.Method);

    private static Refusal FromJson(JsonException json)
    {
        // An exception of the JSON reader, a type internal to System.Text.Json, means that the text is not JSON. Any other means that a
        // value does not fit.
        if (json.InnerException is { } inner && (inner is DecoderFallbackException || inner.GetType().Name == "JsonReaderException"))
            return Refusal.BadRequest(ProblemCodes.MalformedJson, "The body is not JSON.");
        var sentence = json is BodyValueException ? json.Message : "This has the wrong type.";
        return Refusal.Invalid(new ProblemError(Pointer(json.Path ?? "$"), sentence));
    }

    [LoggerMessage(1, LogLevel.Error, "The database cannot be reached. Request {RequestId}.")]
    private partial void LogDatabaseAway(Exception exception, string requestId);

    [LoggerMessage(3, LogLevel.Warning, "The database ended one of two conflicting changes. Request {RequestId}.")]
    private partial void LogConflict(Exception exception, string requestId);

    [LoggerMessage(4, LogLevel.Warning, "A migration changed a table during a transaction, which the database ended. Request {RequestId}.")]
    private partial void LogStalePlan(Exception exception, string requestId);

    [LoggerMessage(2, LogLevel.Error, "An unexpected exception, which is a bug. Request {RequestId}.")]
    private partial void LogBug(Exception exception, string requestId);
}

/// <summary>A value of the body is valid JSON but not acceptable. The message is for the caller.</summary>
internal sealed class BodyValueException(string sentence) : JsonException(sentence);

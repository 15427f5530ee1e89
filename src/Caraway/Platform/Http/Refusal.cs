using System.Text.Json;
using Microsoft.AspNetCore.WebUtilities;

namespace Caraway.Platform.Http;

/// <summary>
/// An expected refusal, as a value: a handler returns it before it has written anything. It is answered as a <see cref="Problem"/>.
/// </summary>
internal sealed class Refusal : IResult, IStatusCodeHttpResult
{
    private const string Challenge = "Bearer realm=\"caraway\", ApiKey realm=\"caraway\"";
    private const string InvalidTokenChallenge = "Bearer realm=\"caraway\", error=\"invalid_token\", ApiKey realm=\"caraway\"";

    private Refusal(int status, string code, string detail) => (Status, Code, Detail) = (status, code, detail);

    public int Status { get; }

    public string Code { get; }

    public string Detail { get; }

    public IReadOnlyList<ProblemError>? Errors { get; private init; }

    /// <summary>Further members of the problem (RFC 9457, section 3.2).</summary>
    private Dictionary<string, JsonElement>? Extensions { get; init; }

    /// <summary>Seconds until another try makes sense.</summary>
    public int? RetryAfter { get; private init; }

    int? IStatusCodeHttpResult.StatusCode => Status;

    public static Refusal BadRequest(string code, string detail) => new(StatusCodes.Status400BadRequest, code, detail);

    public static Refusal Unauthorized(string code, string detail) => new(StatusCodes.Status401Unauthorized, code, detail);

    public static Refusal Forbidden(string detail) => new(StatusCodes.Status403Forbidden, ProblemCodes.NotPermitted, detail);

    public static Refusal NotFound(string code, string detail) => new(StatusCodes.Status404NotFound, code, detail);

    public static Refusal NotAcceptable(string detail) => new(StatusCodes.Status406NotAcceptable, ProblemCodes.NotAcceptable, detail);

    public static Refusal Conflict(string code, string detail) => new(StatusCodes.Status409Conflict, code, detail);

    /// <summary>A collision with another thing, whose id the problem carries under <paramref name="member"/>.</summary>
    public static Refusal Conflict(string code, string detail, string member, long id) =>
        new(StatusCodes.Status409Conflict, code, detail)
        {
            Extensions = new(StringComparer.Ordinal) { [member] = JsonSerializer.SerializeToElement(id, PlatformJson.Default.Int64) },
        };

    public static Refusal Stale() =>
        new(StatusCodes.Status412PreconditionFailed, ProblemCodes.StaleVersion, "It has changed since you read it. Read it again.");

    public static Refusal Invalid(params IReadOnlyList<ProblemError> errors) =>
        ForErrors(ProblemCodes.Invalid, errors.Count == 1 ? errors[0].Detail : "Several values are not valid.", errors);

    /// <summary>A file with faults. The problem carries their number, which can be higher than that of the errors.</summary>
    public static Refusal InvalidFile(IReadOnlyList<ProblemError> errors, long count) =>
        new(
            StatusCodes.Status422UnprocessableEntity, ProblemCodes.Invalid,
            count == 1 ? errors[0].Detail : "Several rows are not valid. Nothing was written.")
        {
            Errors = errors,
            Extensions = new(StringComparer.Ordinal)
            {
                ["error_count"] = JsonSerializer.SerializeToElement(count, PlatformJson.Default.Int64),
            },
        };

    /// <summary>A query value that is not valid.</summary>
    public static Refusal InvalidQuery(string name, string detail) => Invalid(new ProblemError("#/" + name, detail) { In = "query" });

    /// <summary>A header that is not valid.</summary>
    public static Refusal InvalidHeader(string name, string detail) => Invalid(new ProblemError("#/" + name, detail) { In = "header" });

    /// <summary>A valid header that does not fit this request.</summary>
    public static Refusal UnfitHeader(string code, string name, string detail) =>
        ForErrors(code, detail, [new ProblemError("#/" + name, detail) { In = "header" }]);

    public static Refusal Unavailable(string detail) =>
        new(StatusCodes.Status503ServiceUnavailable, ProblemCodes.DatabaseUnavailable, detail) { RetryAfter = 2 };

    public static Refusal TooMany(string code, string detail, TimeSpan wait) =>
        new(StatusCodes.Status429TooManyRequests, code, detail) { RetryAfter = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds)) };

    /// <summary>503: this process has more work of this kind than it can do now.</summary>
    public static Refusal Busy(string detail) => new(StatusCodes.Status503ServiceUnavailable, ProblemCodes.Busy, detail) { RetryAfter = 1 };

    public static Refusal ForStatus(int status, string detail) => new(status, ProblemCodes.ForStatus(status), detail);

    private static Refusal ForErrors(string code, string detail, IReadOnlyList<ProblemError> errors) =>
        new(StatusCodes.Status422UnprocessableEntity, code, detail) { Errors = errors };

    public Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = Status;
        // RFC 9110, section 15.5.2, asks for it on every 401. RFC 6750, section 3.1, names the reason for a refused token.
        if (Status == StatusCodes.Status401Unauthorized)
            response.Headers.WWWAuthenticate = Code == ProblemCodes.InvalidToken ? InvalidTokenChallenge : Challenge;
        if (RetryAfter is { } seconds)
            response.Headers.RetryAfter = seconds.ToString();
        var problem = new Problem
        {
            Title = ReasonPhrases.GetReasonPhrase(Status),
            Status = Status,
            Detail = Detail,
            Code = Code,
            TraceId = httpContext.TraceIdentifier,
            Errors = Errors,
            Extensions = Extensions,
        };
        return response.WriteAsJsonAsync(problem, options: null, "application/problem+json", httpContext.RequestAborted);
    }
}

using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Caraway.Platform.Postgres;
using Caraway.Platform.Security;

namespace Caraway.Platform.Http;

/// <summary>
/// <c>Idempotency-Key</c> on a creating POST: one transaction holds the change and its stored answer, so a repeated request gets the first
/// answer again, and a kill leaves neither of them. A request without the header costs nothing more (docs/contracts/README.md).
/// </summary>
/// <remarks>
/// Only successes are stored: a refused request has changed nothing and may be sent again. The row keeps a keyed hash of the body (HMAC
/// under the master key), because the text behind a plain hash of a short body could be guessed.
/// </remarks>
internal sealed class IdempotencyKey(MasterKey master, TimeProvider time) : IEndpointFilter
{
    public const string Header = "Idempotency-Key";

    /// <summary>The header of an answer that was stored before.</summary>
    public const string Replayed = "Idempotent-Replayed";

    private const int Longest = 255;

    /// <summary>The lock lasts until the transaction ends. Two keys with the same 64-bit number count as one.</summary>
    private const string LockAndRead = """
        select pg_try_advisory_xact_lock(@number) as is_ours;
        select fingerprint, status, content_type, location, etag, body
        from platform.idempotency_keys
        where key_hash = @keyHash and created_at > @oldest;
        """;

    private const string Store = """
        insert into platform.idempotency_keys (key_hash, fingerprint, status, content_type, location, etag, body, created_at)
        values (@keyHash, @fingerprint, @Status, @ContentType, @Location, @Etag, @Body, @now)
        on conflict (key_hash) do update set
            fingerprint = excluded.fingerprint, status = excluded.status, content_type = excluded.content_type,
            location = excluded.location, etag = excluded.etag, body = excluded.body, created_at = excluded.created_at
        """;

    private static readonly SearchValues<char> Visible =
        SearchValues.Create(string.Concat(Enumerable.Range(0x21, 0x7E - 0x21 + 1).Select(code => (char)code)));

    private readonly byte[] secret = master.Derive("idempotency keys");

    public static TimeSpan Kept => TimeSpan.FromHours(24);

    public static Refusal InUse { get; } = Refusal.Conflict(
        ProblemCodes.IdempotencyKeyInUse, "The first request with this Idempotency-Key is still running. Try again shortly.");

    public static Refusal Reused { get; } = Refusal.UnfitHeader(
        ProblemCodes.IdempotencyKeyReused, Header, "This Idempotency-Key was used with another body.");

    /// <summary>Reads the header.</summary>
    /// <param name="key">Null when the request has no such header.</param>
    /// <returns>The refusal, or null when the header is good.</returns>
    public static Refusal? Read(HttpRequest request, out string? key)
    {
        var header = request.Headers[Header];
        key = header.Count == 0 ? null : header.ToString();
        return header.Count == 0 || (header.Count == 1 && key is { Length: > 0 and <= Longest } && !key.AsSpan().ContainsAnyExcept(Visible))
            ? null
            : Refusal.InvalidHeader(Header, "The Idempotency-Key must have 1 to 255 visible ASCII characters.");
    }

    public async ValueTask<object?> InvokeAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var http = context.HttpContext;
        if (http.Features.Get<Caller>() is not { } caller)
            return await next(context);
        if (Read(http.Request, out var key) is { } refusal)
            return refusal;
        if (key is null)
            return await next(context);

        var cancel = http.RequestAborted;
        var keyHash = Hash(Encoding.UTF8.GetBytes($"{caller.Id}\n{http.Request.Method} {Address(http.Request)}\n{key}"));
        var body = http.Features.Get<BufferedBody>()?.Bytes ?? throw new InvalidOperationException("UseRequestBodies did not run.");
        var fingerprint = Hash(body);
        var now = time.GetUtcNow().UtcDateTime;

        var database = http.RequestServices.GetRequiredService<Database>();
        await database.Begin(cancel);
        var (isOurs, stored) = await database.Many(
            LockAndRead,
            new { number = BitConverter.ToInt64(keyHash), keyHash, oldest = now - Kept },
            async grid => (await grid.ReadSingleAsync<bool>(), await grid.ReadFirstOrDefaultAsync<StoredAnswer>()),
            cancel);
        if (!isOurs || stored is not null)
            await database.DisposeAsync();
        if (!isOurs)
            return InUse;
        if (stored is not null)
            return CryptographicOperations.FixedTimeEquals(stored.Fingerprint, fingerprint) ? stored with { IsReplay = true } : Reused;

        var result = await next(context);
        if (result is not IResult answer || !IsSuccess(answer))
        {
            await database.DisposeAsync();
            return result;
        }

        var captured = await Capture(http, answer);
        await database.Execute(
            Store,
            new { keyHash, fingerprint, captured.Status, captured.ContentType, captured.Location, captured.Etag, captured.Body, now },
            cancel);
        await database.Commit();
        return captured;
    }

    /// <summary>The path without a trailing slash and in lower case, because routing ignores both.</summary>
    private static string Address(HttpRequest request) => request.Path.Value!.TrimEnd('/').ToLowerInvariant();

    private static bool IsSuccess(IResult answer)
    {
        while (answer is INestedHttpResult nested)
            answer = nested.Result;
        return answer is IStatusCodeHttpResult { StatusCode: >= 200 and < 300 };
    }

    /// <summary>Writes the answer into memory instead of the connection.</summary>
    private static async Task<StoredAnswer> Capture(HttpContext http, IResult answer)
    {
        var response = http.Response;
        var (wire, memory) = (response.Body, new MemoryStream());
        response.Body = memory;
        try
        {
            await answer.ExecuteAsync(http);
            await response.BodyWriter.FlushAsync();
        }
        finally
        {
            response.Body = wire;
        }

        return new StoredAnswer
        {
            Fingerprint = [],
            Status = response.StatusCode,
            ContentType = response.ContentType,
            Location = response.Headers.Location,
            Etag = response.Headers.ETag,
            Body = memory.ToArray(),
        };
    }

    private byte[] Hash(ReadOnlySpan<byte> bytes) => HMACSHA256.HashData(secret, bytes);

    private sealed record StoredAnswer : IResult
    {
        public required byte[] Fingerprint { get; init; }

        public required int Status { get; init; }

        public required string? ContentType { get; init; }

        public required string? Location { get; init; }

        public required string? Etag { get; init; }

        public required byte[] Body { get; init; }

        public bool IsReplay { get; init; }

        public async Task ExecuteAsync(HttpContext httpContext)
        {
            var response = httpContext.Response;
            response.StatusCode = Status;
            response.ContentType = ContentType;
            if (Location is not null)
                response.Headers.Location = Location;
            if (Etag is not null)
                response.Headers.ETag = Etag;
            if (IsReplay)
                response.Headers[Replayed] = "true";
            response.ContentLength = Body.Length;
            await response.Body.WriteAsync(Body, httpContext.RequestAborted);
        }
    }
}

/// <summary>The raw body of a request with an <c>Idempotency-Key</c>, for its fingerprint.</summary>
internal sealed record BufferedBody(byte[] Bytes);

internal static class IdempotencyRoutes
{
    /// <summary>Makes a creating POST honour <c>Idempotency-Key</c>.</summary>
    public static RouteHandlerBuilder TakesIdempotencyKey(this RouteHandlerBuilder route) =>
        route.AddEndpointFilter<IdempotencyKey>().WithMetadata(new TakesIdempotencyKey());
}

/// <summary>Marks a route that takes an <c>Idempotency-Key</c>.</summary>
internal sealed record TakesIdempotencyKey
{
    /// <summary>
    /// Whether the body is kept in memory for <see cref="IdempotencyKey"/>. A route without that filter reads its body itself.
    /// </summary>
    public bool KeepsBody { get; init; } = true;
}

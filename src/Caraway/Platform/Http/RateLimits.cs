using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Caraway.Platform.Security;
using Microsoft.Extensions.Options;

namespace Caraway.Platform.Http;

/// <summary>The requests that each process takes from one caller (section <c>RateLimits</c>). 0 means no limit.</summary>
internal sealed class RateLimitOptions
{
    /// <summary><c>RATE_LIMIT_PER_MINUTE</c>: requests with one credential.</summary>
    [Range(0, int.MaxValue)]
    public int CallerPerMinute { get; set; } = 60_000;

    /// <summary><c>ANONYMOUS_RATE_LIMIT_PER_MINUTE</c>: requests from one address without a valid credential.</summary>
    [Range(0, int.MaxValue)]
    public int AddressPerMinute { get; set; } = 3_000;
}

/// <summary>
/// Counts requests by caller, and requests without a caller by address, in minutes that start with the first request. A request over the
/// limit is answered 429. <c>RateLimit</c> and <c>RateLimit-Policy</c> say how many are left (draft-ietf-httpapi-ratelimit-headers-10).
/// Probes and <c>/metrics</c> are not counted. (ASP.NET Core's limiter does not say when its window ends, which the header needs.)
/// </summary>
internal sealed class RateLimits(IOptions<RateLimitOptions> options, TimeProvider time)
{
    private const int Seconds = 60;

    /// <summary>All counters start again after this many new callers, so that strangers cannot fill the memory.</summary>
    private const int MostCounted = 100_000;

    private readonly ConcurrentDictionary<string, Counter> counters = new(StringComparer.Ordinal);
    private readonly string callerPolicy = Policy("caller", options.Value.CallerPerMinute);
    private readonly string addressPolicy = Policy("address", options.Value.AddressPerMinute);
    private int counted;

    /// <returns>A refusal when this request is over the limit; otherwise null.</returns>
    public Refusal? Count(HttpContext context, Caller? caller)
    {
        var limit = caller is null ? options.Value.AddressPerMinute : options.Value.CallerPerMinute;
        if (limit == 0)
            return null;
        var now = time.GetTimestamp();
        var (left, reset) = CounterOf(caller?.Id ?? Caller.NetworkOf(context)).Take(limit, now, time);
        var headers = context.Response.Headers;
        headers["RateLimit-Policy"] = caller is null ? addressPolicy : callerPolicy;
        var policy = caller is null ? "address" : "caller";
        headers["RateLimit"] = string.Create(CultureInfo.InvariantCulture, $"\"{policy}\";r={Math.Max(0, left)};t={reset}");
        return left >= 0
            ? null
            : Refusal.TooMany(
                ProblemCodes.TooManyRequests, "Too many requests in this minute. Try again later.", TimeSpan.FromSeconds(reset));
    }

    private Counter CounterOf(string who)
    {
        if (counters.TryGetValue(who, out var counter))
            return counter;
        if (Interlocked.Increment(ref counted) > MostCounted)
        {
            counters.Clear();
            Interlocked.Exchange(ref counted, 0);
        }

        return counters.GetOrAdd(who, static _ => new Counter());
    }

    private static string Policy(string name, int limit) =>
        string.Create(CultureInfo.InvariantCulture, $"\"{name}\";q={limit};w={Seconds}");

    private sealed class Counter
    {
        private readonly Lock turn = new();
        private long began;
        private long taken;

        /// <returns>The requests left, negative when this one is over the limit, and the seconds until the minute ends.</returns>
        public (long Left, int Reset) Take(int limit, long now, TimeProvider time)
        {
            lock (turn)
            {
                var passed = time.GetElapsedTime(began, now);
                if (taken == 0 || passed >= TimeSpan.FromSeconds(Seconds))
                    (began, taken, passed) = (now, 0, TimeSpan.Zero);
                taken++;
                return (limit - taken, Math.Max(1, Seconds - (int)passed.TotalSeconds));
            }
        }
    }
}

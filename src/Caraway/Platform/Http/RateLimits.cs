using System.Collections.Concurrent;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Caraway.Platform.Security;
using Microsoft.Extensions.Options;

namespace Caraway.Platform.Http;

/// <summary>How much one caller may ask for (section <c>RateLimits</c>), in each process. 0 is no limit.</summary>
internal sealed class RateLimitOptions
{
    /// <summary><c>RATE_LIMIT_PER_MINUTE</c>: requests of one credential.</summary>
    [Range(0, int.MaxValue)]
    public int CallerPerMinute { get; set; } = 60_000;

    /// <summary><c>ANONYMOUS_RATE_LIMIT_PER_MINUTE</c>: requests from one address without a good credential.</summary>
    [Range(0, int.MaxValue)]
    public int AddressPerMinute { get; set; } = 3_000;
}

/// <summary>
/// Counts requests by caller, and those without a caller by address, in minutes that begin with the first request; what is over the limit
/// is answered 429. <c>RateLimit</c> and <c>RateLimit-Policy</c> say what is left (draft-ietf-httpapi-ratelimit-headers-10). Probes and
/// <c>/metrics</c> are not counted. (ASP.NET Core's limiter does not say when its window ends, which the header needs.)
/// </summary>
internal sealed class RateLimits(IOptions<RateLimitOptions> options, TimeProvider time)
{
    private const int Seconds = 60;

    /// <summary>After this many new callers the counters are begun anew, so that strangers cannot fill the memory.</summary>
    private const int MostCounted = 100_000;

    private readonly ConcurrentDictionary<string, Counter> counters = new(StringComparer.Ordinal);
    private readonly string callerPolicy = Policy("caller", options.Value.CallerPerMinute);
    private readonly string addressPolicy = Policy("address", options.Value.AddressPerMinute);
    private int counted;

    /// <summary>Counts this request.</summary>
    /// <returns>The refusal, when it is one too many.</returns>
    public Refusal? Count(HttpContext context, Caller? caller)
    {
        var limit = caller is null ? options.Value.AddressPerMinute : options.Value.CallerPerMinute;
        if (limit == 0)
            return null;
        var now = time.GetTimestamp();
        var (left, reset) = CounterOf(caller?.Id ?? Caller.NetworkOf(context)).Take(limit, now, time);
        var headers = context.Response.Headers;
        headers["RateLimit-Policy"] = caller is null ? addressPolicy : callerPolicy;
        headers["RateLimit"] = string.Create(CultureInfo.InvariantCulture, $"\"{(caller is null ? "address" : "caller")}\";r={Math.Max(0, left)};t={reset}");
        return left >= 0 ? null : Refusal.TooMany(ProblemCodes.TooManyRequests, "Too many requests in this minute. Try again later.", TimeSpan.FromSeconds(reset));
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

    private static string Policy(string name, int limit) => string.Create(CultureInfo.InvariantCulture, $"\"{name}\";q={limit};w={Seconds}");

    private sealed class Counter
    {
        private readonly Lock turn = new();
        private long began;
        private long taken;

        /// <returns>How many are left, below zero when this was one too many; seconds to the end of the minute.</returns>
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

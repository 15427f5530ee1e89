namespace Caraway.Platform.Hosting;

/// <summary>
/// The names of settings in the environment and in <c>.env</c>. The names of the five earlier APIs are aliases of Caraway's own keys
/// (docs/contracts/README.md). A key is also a name of its own: <c>A__B</c> means <c>A:B</c>.
/// </summary>
internal static class SettingNames
{
    /// <summary>Alias and key. Where two aliases mean one key, the later line wins.</summary>
    public static readonly (string Alias, string Key)[] Aliases =
    [
        ("API_PORT", "Server:Port"),
        ("PORT", "Server:Port"),
        ("PROJECT_NAME", "Server:ServiceName"),
        ("SERVICE_NAME", "Server:ServiceName"),
        ("CARE__PUBLICURL", "Server:PublicUrl"),
        ("PUBLIC_URL", "Server:PublicUrl"),
        ("CORS_ALLOW_ORIGINS", "Server:CorsOrigins"),
        ("CORS_ORIGINS", "Server:CorsOrigins"),
        ("SHUTDOWN_TIMEOUT_SECONDS", "Server:ShutdownTimeoutSeconds"),
        ("TRUSTED_PROXIES", "Server:TrustedProxies"),
        ("API_KEY", "ApiKey:Key"),
        ("LOG_LEVEL", "Log:Level"),
        ("CARAWAY_POSTGRES_BIN", "Database:PostgresBin"),
        ("ENABLE_BACKGROUND_WORKERS", "Jobs:Enabled"),
        ("METRICS_NEED_KEY", "Metrics:NeedKey"),
        ("ACCESS_TOKEN_EXPIRE_MINUTES", "Identity:AccessTokenMinutes"),
        ("REFRESH_TOKEN_EXPIRE_DAYS", "Identity:RefreshTokenDays"),
        ("SELF_REGISTRATION", "Identity:SelfRegistration"),
        ("GATEWAY_TRUSTED_NETWORKS", "Identity:GatewayTrustedNetworks"),
        ("GATEWAY_SECRET", "Identity:GatewaySecret"),
        ("RATE_LIMIT_PER_MINUTE", "RateLimits:CallerPerMinute"),
        ("ANONYMOUS_RATE_LIMIT_PER_MINUTE", "RateLimits:AddressPerMinute"),
        ("DEFAULT_PAGE_SIZE", "Pages:DefaultSize"),
        ("MAX_PAGE_SIZE", "Pages:MaxSize"),
        ("DATABASE_URL", "Database:Url"),
        ("DB_HOST", "Database:Host"),
        ("DB_NAME", "Database:Name"),
        ("DB_USER", "Database:User"),
        ("DB_PASSWORD", "Database:Password"),
        ("DB_POOL_SIZE", "Database:PoolSize"),
        ("DB_MAX_AUTO_PREPARE", "Database:MaxAutoPrepare"),
        ("DB_MAX_OVERFLOW", "Database:MaxOverflow"),
        ("CARAWAY_MASTER_KEY", "MasterKey"),
    ];

    /// <summary>Names that are read elsewhere, before there is a configuration.</summary>
    private static readonly string[] Others =
    [
        "ENVIRONMENT", "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT", "CARAWAY_DEFAULT_ENVIRONMENT", "CARAWAY_HOME", "TEST_DATABASE_URL",
    ];

    /// <summary>Settings of the earlier APIs that Caraway does not need, with the reason.</summary>
    private static readonly Dictionary<string, string> WithoutEffect = new(StringComparer.OrdinalIgnoreCase)
    {
        ["CELERY_BROKER_URL"] = "Caraway keeps its queue in PostgreSQL and needs no broker.",
        ["CELERY_RESULT_BACKEND"] = "Caraway keeps its queue in PostgreSQL and needs no broker.",
        ["ENABLE_EVENT_SUBSCRIBERS"] = "Caraway always records events.",
        ["CORS_ALLOW_CREDENTIALS"] = "the origins of CORS_ORIGINS may send credentials, and * may not.",
        ["CORS_ALLOW_METHODS"] = "the origins of CORS_ORIGINS may use every method.",
        ["CORS_ALLOW_HEADERS"] = "the origins of CORS_ORIGINS may send every header.",
        ["INTEMPUS_API_URI"] = "this version does not exchange cases with another system.",
        ["INTEMPUS_API_USER"] = "this version does not exchange cases with another system.",
        ["INTEMPUS_API_KEY"] = "this version does not exchange cases with another system.",
    };

    private const string OwnSigningKeys = "Caraway makes and rotates its signing keys itself, and signs tokens with ES256 only.";

    /// <summary>The name under which an operator sets a key: its alias, else its own name with two underscores.</summary>
    public static string NameOf(string key) =>
        Aliases.LastOrDefault(pair => string.Equals(pair.Key, key, StringComparison.OrdinalIgnoreCase)).Alias
        ?? ToName(key);

    /// <summary>One sentence for each setting that has no effect, and for each name that resembles a setting and is not one.</summary>
    /// <param name="values">The names as they are written, with their values.</param>
    /// <param name="keys">All keys of options, such as <c>Jobs:LeaseSeconds</c>.</param>
    public static IReadOnlyList<string> FindMistakes(IReadOnlyDictionary<string, string?> values, IReadOnlyCollection<string> keys)
    {
        string[] names = [.. Aliases.Select(pair => pair.Alias), .. Others, .. WithoutEffect.Keys];
        var known = names.ToHashSet(StringComparer.OrdinalIgnoreCase);
        var keyNames = keys.Concat(Aliases.Select(pair => pair.Key)).Select(ToName).ToList();
        var sentences = new List<string>();
        foreach (var (name, value) in values.OrderBy(pair => pair.Key, StringComparer.Ordinal))
        {
            if (string.IsNullOrWhiteSpace(value))
                continue;
            if (WithoutEffect.TryGetValue(name, out var reason))
                sentences.Add($"{name} has no effect: {reason}");
            else if (name.StartsWith("JWT_", StringComparison.OrdinalIgnoreCase))
                sentences.Add(DescribeJwt(name, known));
            else if (FindSimilar(name, name.Contains("__", StringComparison.Ordinal) ? keyNames : known) is { } similar)
                sentences.Add($"{name} is not a setting of Caraway. Did you mean {similar}?");
        }

        return sentences;
    }

    private static string DescribeJwt(string name, HashSet<string> known) =>
        known.TryGetValue(name[4..], out var setting)
            ? $"{name} has no effect: the setting is called {setting}."
            : $"{name} has no effect: {OwnSigningKeys}";

    private static string ToName(string key) => key.Replace(":", "__", StringComparison.Ordinal);

    /// <summary>The known name that differs in one character, or in two when it is long. Null when the name itself is known.</summary>
    private static string? FindSimilar(string name, IEnumerable<string> known)
    {
        var (best, distance) = known.Select(candidate => (candidate, Distance(name, candidate))).MinBy(pair => pair.Item2);
        return distance > 0 && distance <= (name.Length < 8 ? 1 : 2) ? best : null;
    }

    /// <summary>
    /// The number of characters to insert, delete or replace so that one text becomes the other (Levenshtein), without regard to case.
    /// </summary>
    internal static int Distance(string one, string other)
    {
        var previous = Enumerable.Range(0, other.Length + 1).ToArray();
        for (var i = 0; i < one.Length; i++)
        {
            var current = new int[other.Length + 1];
            current[0] = i + 1;
            for (var j = 0; j < other.Length; j++)
            {
                var replaced = previous[j] + (char.ToUpperInvariant(one[i]) == char.ToUpperInvariant(other[j]) ? 0 : 1);
                current[j + 1] = Math.Min(replaced, Math.Min(previous[j + 1], current[j]) + 1);
            }

            previous = current;
        }

        return previous[other.Length];
    }
}

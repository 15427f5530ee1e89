namespace Caraway.Platform.Hosting;

/// <summary>
/// Where settings come from, strongest first: the environment, a <c>.env</c> file in the working folder, <c>appsettings.json</c>.
/// The environment names of the five earlier APIs are aliases of Caraway's own keys (docs/contracts/README.md); both forms work.
/// </summary>
internal static class Settings
{
    /// <summary>Alias and key. Where two aliases mean one key, the later line wins.</summary>
    private static readonly (string Alias, string Key)[] Aliases =
    [
        ("API_PORT", "Server:Port"),
        ("PORT", "Server:Port"),
        ("PROJECT_NAME", "Server:ServiceName"),
        ("SERVICE_NAME", "Server:ServiceName"),
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
        ("DATABASE_URL", "Database:Url"),
        ("DB_HOST", "Database:Host"),
        ("DB_NAME", "Database:Name"),
        ("DB_USER", "Database:User"),
        ("DB_PASSWORD", "Database:Password"),
        ("DB_POOL_SIZE", "Database:PoolSize"),
        ("DB_MAX_AUTO_PREPARE", "Database:MaxAutoPrepare"),
        ("DB_MAX_OVERFLOW", "Database:MaxOverflow"),
        ("CARAWAY_MASTER_KEY", "MasterKey"),
        ("CELERY_BROKER_URL", "Unneeded:CeleryBrokerUrl"),
        ("CELERY_RESULT_BACKEND", "Unneeded:CeleryResultBackend"),
    ];

    /// <summary>Reads <c>.env</c> and the environment into one configuration, aliases resolved.</summary>
    public static IConfigurationRoot Load()
    {
        var values = ReadDotEnv(Path.Combine(Directory.GetCurrentDirectory(), ".env"));
        foreach (System.Collections.DictionaryEntry variable in Environment.GetEnvironmentVariables())
            values[(string)variable.Key] = (string?)variable.Value;
        return new ConfigurationBuilder()
            .AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), optional: false)
            .AddInMemoryCollection(Translate(values))
            .Build();
    }

    /// <summary>The environment's name as ASP.NET Core spells it: <c>Development</c>, <c>Production</c>, or as given.</summary>
    public static string EnvironmentName(IConfiguration configuration)
    {
        var name = new[] { "ENVIRONMENT", "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT", "CARAWAY_DEFAULT_ENVIRONMENT" }
            .Select(key => configuration[key])
            .FirstOrDefault(value => !string.IsNullOrWhiteSpace(value))?.Trim();
        return name?.ToLowerInvariant() switch
        {
            null or "production" or "prod" => Environments.Production,
            "development" or "dev" or "local" => Environments.Development,
            "staging" => Environments.Staging,
            _ => name!,
        };
    }

    /// <summary>Keys with their values: the names as they are (<c>A__B</c> is <c>A:B</c>), and over them what their aliases say.</summary>
    internal static Dictionary<string, string?> Translate(IReadOnlyDictionary<string, string?> values)
    {
        var translated = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in values)
            translated[name.Replace("__", ":", StringComparison.Ordinal)] = value;
        foreach (var (alias, key) in Aliases)
        {
            if (values.TryGetValue(alias, out var value) && !string.IsNullOrEmpty(value))
                translated[key] = key is "Jobs:Enabled" or "Metrics:NeedKey" or "Identity:SelfRegistration" ? Truth(value) : value;
        }

        return translated;
    }

    /// <summary>The earlier API took its switches in Python's many spellings; what is none of them is refused when it is bound.</summary>
    private static string Truth(string value) => value.Trim().ToLowerInvariant() switch
    {
        "1" or "yes" or "on" or "y" or "t" => "true",
        "0" or "no" or "off" or "n" or "f" => "false",
        _ => value,
    };

    /// <summary>
    /// The widespread form of the file: <c>NAME=value</c> a line, <c>#</c> comments, an optional <c>export</c>, values bare or quoted.
    /// A bare value ends at <c> #</c>; double quotes know <c>\n</c>, <c>\"</c> and <c>\\</c>; single quotes know nothing.
    /// </summary>
    internal static Dictionary<string, string?> ReadDotEnv(string path)
    {
        var values = new Dictionary<string, string?>(StringComparer.Ordinal);
        if (!File.Exists(path))
            return values;
        var number = 0;
        foreach (var raw in File.ReadLines(path))
        {
            number++;
            var line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
                continue;
            if (line.StartsWith("export ", StringComparison.Ordinal))
                line = line[7..].TrimStart();
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
                throw new CommandException(ExitCode.BadInput, $"Line {number} of .env is not NAME=value.");
            values[line[..equals].TrimEnd()] = Unquote(line[(equals + 1)..], number);
        }

        return values;
    }

    private static string Unquote(string raw, int line)
    {
        var value = raw.TrimStart();
        if (value.Length == 0 || value[0] is not ('"' or '\''))
        {
            var comment = raw.IndexOf(" #", StringComparison.Ordinal);
            return (comment < 0 ? raw : raw[..comment]).Trim();
        }

        var quote = value[0];
        var text = new System.Text.StringBuilder();
        for (var i = 1; i < value.Length; i++)
        {
            if (value[i] == quote)
                return text.ToString();
            if (quote == '"' && value[i] == '\\' && i + 1 < value.Length)
                text.Append(value[++i] is 'n' ? '\n' : value[i]);
            else
                text.Append(value[i]);
        }

        throw new CommandException(ExitCode.BadInput, $"Line {line} of .env has a quote that does not end.");
    }
}

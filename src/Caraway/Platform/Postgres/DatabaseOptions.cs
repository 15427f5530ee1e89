using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.RegularExpressions;
using Caraway.Platform.Hosting;
using Npgsql;

namespace Caraway.Platform.Postgres;

/// <summary>Which database (section <c>Database</c>). With neither <see cref="Url"/> nor <see cref="Host"/>, the embedded one.</summary>
internal sealed partial class DatabaseOptions
{
    private const string NoFileDatabase =
        "Caraway keeps its data in PostgreSQL only, not in memory or in a file. Leave DATABASE_URL, DB_HOST and DB_NAME unset and it starts an embedded PostgreSQL of its own.";

    /// <summary>What follows the scheme. System.Uri takes neither an empty host nor one that is a percent-encoded folder, and libpq does.</summary>
    [GeneratedRegex(@"^((?<user>[^:@/?]*)(:(?<password>[^@/?]*))?@)?(?<host>\[[^\]]*\]|[^:/?@\[\]]*)(:(?<port>[^/?]*))?(/(?<name>[^?]*))?(\?(?<query>.*))?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex UrlForm { get; }

    [GeneratedRegex(@"^(?<host>\[[^\]]+\]|[^:\[\]]+)(:(?<port>.*))?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex HostForm { get; }

    /// <summary><c>DATABASE_URL</c>: <c>postgresql://user:password@host:port/name?option=value</c>, or Npgsql keywords.</summary>
    public string? Url { get; set; }

    /// <summary><c>DB_HOST</c>: a host, <c>host:port</c>, or the folder of a unix socket.</summary>
    public string? Host { get; set; }

    public string Name { get; set; } = "advocacy";

    public string? User { get; set; }

    public string? Password { get; set; }

    /// <summary><c>DB_POOL_SIZE</c>; with <see cref="MaxOverflow"/> the most connections one process opens.</summary>
    [Range(1, 1000)]
    public int PoolSize { get; set; } = 20;

    [Range(0, 1000)]
    public int MaxOverflow { get; set; }

    /// <summary>How long one statement may take, in seconds; the caller then gets 503.</summary>
    [Range(1, 3600)]
    public int CommandTimeoutSeconds { get; set; } = 30;

    /// <summary><c>DB_MAX_AUTO_PREPARE</c>: statements that a connection keeps prepared, from their second use on; 0 behind a transaction pooler.</summary>
    [Range(0, 10_000)]
    public int MaxAutoPrepare { get; set; } = 100;

    /// <summary><c>CARAWAY_POSTGRES_BIN</c>: the folder with <c>postgres</c>, <c>initdb</c> and <c>pg_ctl</c> for the embedded database.</summary>
    public string? PostgresBin { get; set; }

    public bool IsEmbedded => string.IsNullOrWhiteSpace(Url) && string.IsNullOrWhiteSpace(Host);

    /// <summary>The server's address as Npgsql takes it, or null when the embedded database is meant.</summary>
    /// <exception cref="CommandException">The settings name no PostgreSQL.</exception>
    public NpgsqlConnectionStringBuilder? Server()
    {
        RefuseFile(Name);
        if (IsEmbedded)
            return null;
        var server = string.IsNullOrWhiteSpace(Url) ? FromParts() : FromUrl(Url.Trim());
        return Common(server);
    }

    /// <summary>What every connection of the product has, embedded or not.</summary>
    public NpgsqlConnectionStringBuilder Common(NpgsqlConnectionStringBuilder server)
    {
        server.ApplicationName ??= "caraway";
        server.MaxPoolSize = Math.Max(1, PoolSize + MaxOverflow);
        server.CommandTimeout = CommandTimeoutSeconds;
        // Nothing here changes a session's state, so a connection need not be cleaned: seven statements less for each use of one.
        server.NoResetOnClose = true;
        server.Enlist = false;
        // A prepared statement is planned once. Left to itself, PostgreSQL plans one anew at each execution when the values of the moment
        // (mostly nulls) promise less work, and the planning costs more than they save. Not where nothing is prepared, as behind a pooler.
        if (MaxAutoPrepare > 0)
            server.Options = string.Join(' ', new[] { "-c plan_cache_mode=force_generic_plan", server.Options }.Where(option => !string.IsNullOrWhiteSpace(option)));
        if (!server.ConnectionString.Contains("Auto Prepare=", StringComparison.OrdinalIgnoreCase))
            (server.MaxAutoPrepare, server.AutoPrepareMinUsages) = (MaxAutoPrepare, 2);
        return server;
    }

    /// <summary>A pool with a name: without one, metrics would carry the address.</summary>
    public static NpgsqlDataSource Connect(NpgsqlConnectionStringBuilder server) =>
        new NpgsqlDataSourceBuilder(server.ConnectionString) { Name = "caraway" }.Build();

    private NpgsqlConnectionStringBuilder FromParts()
    {
        var server = new NpgsqlConnectionStringBuilder { Database = Name, Username = User ?? "postgres", Password = Password };
        // A socket's folder, a bare IPv6 address, or a host with an optional port.
        var isWhole = Host!.StartsWith('/') || (!Host.StartsWith('[') && Host.Count(c => c == ':') > 1);
        var match = isWhole ? Match.Empty : HostForm.Match(Host);
        if (!isWhole && !match.Success)
            throw new CommandException(ExitCode.BadInput, "DB_HOST is not a host, a host:port, or the folder of a unix socket.");
        server.Host = isWhole ? Host : match.Groups["host"].Value.Trim('[', ']');
        server.Port = Port(match, "DB_HOST");
        return server;
    }

    private NpgsqlConnectionStringBuilder FromUrl(string url)
    {
        var scheme = url.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
            return FromKeywords(url);
        var kind = url[..scheme].Split('+')[0];
        if (kind is "sqlite")
            throw new CommandException(ExitCode.BadInput, NoFileDatabase);
        var match = UrlForm.Match(url[(scheme + 3)..]);
        if (kind is not ("postgresql" or "postgres") || !match.Success)
            throw new CommandException(ExitCode.BadInput, "DATABASE_URL is not of the form postgresql://user:password@host:port/name.");

        string? Part(string name) => match.Groups[name] is { Success: true, Length: > 0 } group ? Uri.UnescapeDataString(group.Value) : null;
        var server = new NpgsqlConnectionStringBuilder
        {
            Host = Part("host")?.Trim('[', ']') ?? "localhost",
            Port = Port(match, "DATABASE_URL"),
            Database = Part("name") ?? Name,
            Username = Part("user") ?? User ?? "postgres",
            Password = Part("password") ?? Password,
        };
        RefuseFile(server.Database);
        foreach (var option in match.Groups["query"].Value.Split('&', StringSplitOptions.RemoveEmptyEntries))
            Apply(server, option);
        return server;
    }

    private static int Port(Match match, string setting)
    {
        if (match.Groups["port"] is not { Success: true } port)
            return 5432;
        return int.TryParse(port.ValueSpan, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is > 0 and <= 65535
            ? number
            : throw new CommandException(ExitCode.BadInput, $"The port in {setting} must be a number from 1 to 65535.");
    }

    private static void Apply(NpgsqlConnectionStringBuilder server, string option)
    {
        var equals = option.IndexOf('=', StringComparison.Ordinal);
        var name = Uri.UnescapeDataString(equals < 0 ? option : option[..equals]);
        var value = equals < 0 ? "" : Uri.UnescapeDataString(option[(equals + 1)..]);
        // libpq's spellings that Npgsql writes in another way.
        name = name switch
        {
            "sslmode" or "ssl" => "SSL Mode",
            "connect_timeout" => "Timeout",
            "application_name" => "Application Name",
            "sslrootcert" => "Root Certificate",
            "sslcert" => "SSL Certificate",
            "sslkey" => "SSL Key",
            "user" => "Username",
            "dbname" => "Database",
            "options" => "Options",
            _ => name.Replace('_', ' '),
        };
        if (name == "SSL Mode")
            value = value.Replace("-", "", StringComparison.Ordinal);
        try
        {
            server[name] = value;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException)
        {
            throw new CommandException(ExitCode.BadInput, $"DATABASE_URL has an option that PostgreSQL's driver does not know or take: {name}.", e);
        }
    }

    private static NpgsqlConnectionStringBuilder FromKeywords(string keywords)
    {
        try
        {
            var server = new NpgsqlConnectionStringBuilder(keywords);
            RefuseFile(server.Database);
            return server.Host is { Length: > 0 } ? server : throw new FormatException("There is no host.");
        }
        catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException)
        {
            throw new CommandException(
                ExitCode.BadInput, "DATABASE_URL is neither of the form postgresql://user:password@host:port/name nor Npgsql keywords such as Host=…;Database=….", e);
        }
    }

    private static void RefuseFile(string? name)
    {
        if (name is not null && (name.StartsWith(':') || name.Contains('/', StringComparison.Ordinal)
                || name.EndsWith(".db", StringComparison.OrdinalIgnoreCase) || name.EndsWith(".sqlite", StringComparison.OrdinalIgnoreCase)
                || name.EndsWith(".sqlite3", StringComparison.OrdinalIgnoreCase)))
            throw new CommandException(ExitCode.BadInput, NoFileDatabase);
    }
}

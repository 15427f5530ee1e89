using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.RegularExpressions;
using Caraway.Platform.Hosting;
using Npgsql;

namespace Caraway.Platform.Postgres;

/// <summary>The database (section <c>Database</c>). Without <see cref="Url"/> and <see cref="Host"/> it is the embedded one.</summary>
internal sealed partial class DatabaseOptions
{
    public const string NoFileDatabase =
        "Caraway keeps its data in PostgreSQL only, not in memory or in a file. "
        + "Without DATABASE_URL, DB_HOST and DB_NAME it starts an embedded PostgreSQL of its own.";

    /// <summary>
    /// The part after the scheme. Unlike libpq, System.Uri refuses an empty host, and a host that is a percent-encoded folder.
    /// </summary>
    [GeneratedRegex(
        @"^((?<user>[^:@/?]*)(:(?<password>[^@/?]*))?@)?(?<host>\[[^\]]*\]|[^:/?@\[\]]*)"
        + @"(:(?<port>[^/?]*))?(/(?<name>[^?]*))?(\?(?<query>.*))?$",
        RegexOptions.ExplicitCapture,
        1000)]
    private static partial Regex UrlForm { get; }

    [GeneratedRegex(@"^(?<host>\[[^\]]+\]|[^:\[\]]+)(:(?<port>.*))?$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex HostForm { get; }

    /// <summary><c>DATABASE_URL</c>: <c>postgresql://user:password@host:port/name?option=value</c>, or Npgsql keywords.</summary>
    public string? Url { get; set; }

    /// <summary><c>DB_HOST</c>: a host, <c>host:port</c>, or the folder of a unix socket.</summary>
    public string? Host { get; set; }

    public string Name { get; set; } = "advocacy";

    /// <summary><c>DB_USER</c>; like <see cref="Name"/>, the default of the earlier APIs.</summary>
    public string User { get; set; } = "advocacy";

    public string? Password { get; set; }

    /// <summary><c>DB_POOL_SIZE</c>. Its sum with <see cref="MaxOverflow"/> is the most connections of one process.</summary>
    [Range(1, 1000)]
    public int PoolSize { get; set; } = 20;

    [Range(0, 1000)]
    public int MaxOverflow { get; set; }

    /// <summary>The longest time of one statement, in seconds. The caller then gets 503.</summary>
    [Range(1, 3600)]
    public int CommandTimeoutSeconds { get; set; } = 30;

    /// <summary>
    /// <c>DB_MAX_AUTO_PREPARE</c>: the most statements that a connection keeps prepared, from their second use on. It must be 0 behind a
    /// transaction pooler.
    /// </summary>
    [Range(0, 10_000)]
    public int MaxAutoPrepare { get; set; } = 100;

    /// <summary><c>CARAWAY_POSTGRES_BIN</c>: the folder of the programs <c>postgres</c>, <c>initdb</c> and <c>pg_ctl</c>.</summary>
    public string? PostgresBin { get; set; }

    public bool IsEmbedded => string.IsNullOrWhiteSpace(Url) && string.IsNullOrWhiteSpace(Host);

    /// <summary>Whether <c>DB_NAME</c> is a file or memory, as earlier APIs allowed. The embedded database ignores it.</summary>
    public bool NamesFile => IsFile(Name);

    /// <summary>The address of the server in the form that Npgsql takes, or null for the embedded database.</summary>
    /// <exception cref="CommandException">The settings do not name a PostgreSQL.</exception>
    public NpgsqlConnectionStringBuilder? Server()
    {
        if (IsEmbedded)
            return null;
        RefuseFile(Name);
        var server = string.IsNullOrWhiteSpace(Url) ? FromParts() : FromUrl(Url.Trim());
        return Common(server);
    }

    /// <summary>Adds the options that every connection of the product has, embedded or not.</summary>
    public NpgsqlConnectionStringBuilder Common(NpgsqlConnectionStringBuilder server)
    {
        server.ApplicationName ??= "caraway";
        server.MaxPoolSize = Math.Max(1, PoolSize + MaxOverflow);
        server.CommandTimeout = CommandTimeoutSeconds;
        // The product does not change the state of a session, so a connection need not be reset. This saves seven statements for each use.
        server.NoResetOnClose = true;
        server.Enlist = false;
        // A prepared statement is planned once. By default PostgreSQL plans it again at each execution when the current values (mostly
        // nulls) promise less work, and the planning costs more than it saves. Behind a pooler statements are not prepared.
        if (MaxAutoPrepare > 0)
            server.Options = $"-c plan_cache_mode=force_generic_plan {server.Options}".TrimEnd();
        if (!server.ConnectionString.Contains("Auto Prepare=", StringComparison.OrdinalIgnoreCase))
            (server.MaxAutoPrepare, server.AutoPrepareMinUsages) = (MaxAutoPrepare, 2);
        return server;
    }

    /// <summary>Makes a connection pool. Without a name, metrics would show the address.</summary>
    public static NpgsqlDataSource Connect(NpgsqlConnectionStringBuilder server) =>
        new NpgsqlDataSourceBuilder(server.ConnectionString) { Name = "caraway" }.Build();

    private NpgsqlConnectionStringBuilder FromParts()
    {
        var server = new NpgsqlConnectionStringBuilder { Database = Name, Username = User, Password = Password };
        // The host is the folder of a socket, a bare IPv6 address, or a host with an optional port.
        var isWhole = Host!.StartsWith('/') || (!Host.StartsWith('[') && Host.Count(c => c == ':') > 1);
        var match = isWhole ? Match.Empty : HostForm.Match(Host);
        if (!isWhole && !match.Success)
            throw new CommandException(ExitCode.BadInput, "DB_HOST must be a host, a host:port, or the folder of a unix socket.");
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
            throw new CommandException(ExitCode.BadInput, "DATABASE_URL must have the form postgresql://user:password@host:port/name.");

        string? Part(string name) =>
            match.Groups[name] is { Success: true, Length: > 0 } group ? Uri.UnescapeDataString(group.Value) : null;
        var server = new NpgsqlConnectionStringBuilder
        {
            Host = Part("host")?.Trim('[', ']') ?? "localhost",
            Port = Port(match, "DATABASE_URL"),
            Database = Part("name") ?? Name,
            Username = Part("user") ?? User,
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
        // Npgsql spells these options of libpq in another way.
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
            throw new CommandException(
                ExitCode.BadInput, $"DATABASE_URL has an option that the driver of PostgreSQL does not accept: {name}.", e);
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
                ExitCode.BadInput,
                "DATABASE_URL must have the form postgresql://user:password@host:port/name, or be keywords such as Host=…;Database=….",
                e);
        }
    }

    private static void RefuseFile(string? name)
    {
        if (IsFile(name))
            throw new CommandException(ExitCode.BadInput, NoFileDatabase);
    }

    private static bool IsFile(string? name) =>
        name is not null
        && (name.StartsWith(':')
            || name.Contains('/', StringComparison.Ordinal)
            || name.EndsWith(".db", StringComparison.OrdinalIgnoreCase)
            || name.EndsWith(".sqlite", StringComparison.OrdinalIgnoreCase)
            || name.EndsWith(".sqlite3", StringComparison.OrdinalIgnoreCase));
}

using Caraway.Platform.Hosting;
using Microsoft.Extensions.Logging.Console;

namespace Caraway.Platform.Telemetry;

/// <summary>Logs on standard output: a readable line in development, a JSON object a line elsewhere. <c>LOG_LEVEL</c> sets the threshold.</summary>
internal static class Logging
{
    public static void Add(ILoggingBuilder logging, IConfiguration configuration, bool isDevelopment)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(Level(configuration["Log:Level"]));
        logging.AddFilter("Microsoft", LogLevel.Warning);
        // The exception handler's own line would repeat ours, with the request's path.
        logging.AddFilter("Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware", LogLevel.None);
        // Its lines are below the threshold; while it is on at any level it also opens an activity and a scope for each request.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        // One line for each wrong key would let a stranger fill the log.
        logging.AddFilter("Caraway.Platform.Security", LogLevel.Warning);
        // What keeps the host from starting is said by the command, as a sentence; a background service's end is logged as critical.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.Critical);
        logging.AddFilter("Npgsql", LogLevel.Warning);
        if (isDevelopment)
        {
            logging.AddSimpleConsole(console =>
            {
                console.SingleLine = true;
                console.TimestampFormat = "HH:mm:ss ";
                console.ColorBehavior = LoggerColorBehavior.Default;
            });
        }
        else
        {
            logging.AddJsonConsole(console =>
            {
                console.UseUtcTimestamp = true;
                console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.ffffffZ";
            });
        }
    }

    /// <summary>The level's name in .NET's or Python's spelling.</summary>
    /// <exception cref="CommandException">No such level.</exception>
    internal static LogLevel Level(string? name) => name?.Trim().ToLowerInvariant() switch
    {
        null or "" or "info" or "information" => LogLevel.Information,
        "trace" => LogLevel.Trace,
        "debug" => LogLevel.Debug,
        "warn" or "warning" => LogLevel.Warning,
        "error" => LogLevel.Error,
        "critical" or "fatal" => LogLevel.Critical,
        "none" => LogLevel.None,
        _ => throw new CommandException(ExitCode.BadInput, "LOG_LEVEL must be one of trace, debug, info, warning, error, critical, none."),
    };
}

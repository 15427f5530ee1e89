using Caraway.Platform.Hosting;
using Microsoft.Extensions.Logging.Console;

namespace Caraway.Platform.Telemetry;

/// <summary>
/// Logs to standard output: readable lines in development, one JSON object per line elsewhere. <c>LOG_LEVEL</c> sets the threshold.
/// </summary>
internal static class Logging
{
    public static void Add(ILoggingBuilder logging, IConfiguration configuration, bool isDevelopment)
    {
        logging.ClearProviders();
        logging.SetMinimumLevel(Level(configuration["Log:Level"]));
        logging.AddFilter("Microsoft", LogLevel.Warning);
        // Its line would repeat ours and add the path of the request.
        logging.AddFilter("Microsoft.AspNetCore.Diagnostics.ExceptionHandlerMiddleware", LogLevel.None);
        // Its lines are below the threshold, but at any level it also opens an activity and a scope for each request.
        logging.AddFilter("Microsoft.AspNetCore.Hosting.Diagnostics", LogLevel.None);
        // A line for each wrong key would let anybody fill the log.
        logging.AddFilter("Caraway.Platform.Security", LogLevel.Warning);
        // The command prints the reason of a failed start as a sentence. The end of a background service is logged as critical.
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

    /// <summary>Reads the name of a level, as .NET or Python spells it.</summary>
    /// <exception cref="CommandException">The name is unknown.</exception>
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

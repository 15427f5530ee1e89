using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Caraway.Tests.Infrastructure;

/// <summary>
/// The log of the programs under test. Many tests make faults on purpose, so the log goes to a file instead of the output of the tests. The
/// file is deleted when all tests pass.
/// </summary>
internal static class TestLog
{
    private static readonly string File = Path.Combine(
        Path.GetTempPath(), string.Create(CultureInfo.InvariantCulture, $"caraway-tests-{Environment.ProcessId}.log"));

    private static readonly Lock Turn = new();

    public static void Use(ILoggingBuilder logging) => logging.ClearProviders().AddProvider(new Provider());

    /// <summary>Deletes the file after a good run. After a bad one, names it on standard error.</summary>
    public static void End(int exitCode)
    {
        lock (Turn)
        {
            if (exitCode == 0)
                System.IO.File.Delete(File);
            else if (System.IO.File.Exists(File))
                Console.Error.WriteLine($"The programs under test logged to {File}");
        }
    }

    private static void Write(string line)
    {
        lock (Turn)
            System.IO.File.AppendAllText(File, line);
    }

    private sealed class Provider : ILoggerProvider
    {
        public ILogger CreateLogger(string categoryName) => new Logger(categoryName);

        public void Dispose()
        {
        }
    }

    private sealed class Logger(string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            var test = TestContext.Current.TestClass?.TestClassSimpleName;
            Write($"{DateTime.UtcNow:HH:mm:ss.fff} {test} {logLevel} {category}: {formatter(state, exception)} {exception}\n");
        }
    }
}

using Caraway.Platform.Hosting;
using Spectre.Console;

namespace Caraway.Commands;

/// <summary>
/// Tables and questions of the command line. Tables go to standard output, questions to standard error. Where the output is not a terminal,
/// it is plain lines without colours. <c>NO_COLOR</c> turns colours off on a terminal too.
/// </summary>
internal static class Terminal
{
    private static readonly Lazy<IAnsiConsole> LazyError = new(() => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Out = new AnsiConsoleOutput(Console.Error),
        Interactive = CanAsk ? InteractionSupport.Yes : InteractionSupport.No,
    }));

    public static IAnsiConsole Error => LazyError.Value;

    public static bool IsErrorTerminal => !Console.IsErrorRedirected;

    /// <summary>Whether a person can answer a question.</summary>
    public static bool CanAsk => !Console.IsInputRedirected;

    /// <summary>Asks for yes or no. The default is no.</summary>
    public static Task<bool> Confirm(string question, CancellationToken cancel) =>
        new ConfirmationPrompt(Markup.Escape(question)) { DefaultValue = false }.ShowAsync(Error, cancel);

    /// <summary>
    /// Asks twice for a new password, without showing it. When standard input is not a terminal, its first line is the password.
    /// </summary>
    /// <exception cref="CommandException">The two answers differ.</exception>
    public static async Task<string> AskNewPassword(CancellationToken cancel)
    {
        if (!CanAsk)
            return await Console.In.ReadLineAsync(cancel) ?? "";
        var first = await Ask("Password:", cancel);
        return first == await Ask("The same password again:", cancel)
            ? first
            : throw new CommandException(ExitCode.BadInput, "The two passwords differ. Nothing was changed.");
    }

    /// <summary>Writes rows as a table on a terminal, and elsewhere as aligned plain lines without the headings.</summary>
    /// <param name="whenEmpty">The sentence that is written when there are no rows.</param>
    public static void WriteTable(string[] headings, IReadOnlyList<string[]> rows, string whenEmpty)
    {
        if (rows.Count == 0)
        {
            Console.WriteLine(whenEmpty);
            return;
        }

        if (Console.IsOutputRedirected)
        {
            var widths = headings.Select((_, column) => rows.Max(row => row[column].Length)).ToArray();
            foreach (var row in rows)
                Console.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
            return;
        }

        var table = new Table { Border = TableBorder.Rounded };
        foreach (var heading in headings)
            table.AddColumn(new TableColumn(new Text(heading)));
        foreach (var row in rows)
            table.AddRow(row.Select(cell => new Text(cell)));
        AnsiConsole.Write(table);
    }

    private static Task<string> Ask(string question, CancellationToken cancel) =>
        new TextPrompt<string>(question) { IsSecret = true, Mask = null, AllowEmpty = true }.ShowAsync(Error, cancel);
}

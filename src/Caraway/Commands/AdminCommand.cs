using System.CommandLine;
using System.Text;
using Caraway.Identity;
using Caraway.Identity.Users;
using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Microsoft.Extensions.Options;

namespace Caraway.Commands;

/// <summary><c>caraway admin create</c>: the first administrator, or another one.</summary>
internal static class AdminCommand
{
    public static Command Create()
    {
        var email = new Option<string>("--email") { Description = "The address to sign in with.", Required = true, HelpName = "ADDRESS" };
        var name = new Option<string>("--full-name") { Description = "As others see it.", Required = true, HelpName = "NAME" };
        var create = new Command("create", "Register an administrator and print the id. The password is asked for, or read from standard input when that is no terminal.") { email, name };
        create.SetAction((parsed, cancel) => Add(parsed.GetValue(email)!, parsed.GetValue(name)!, cancel));
        return new Command("admin", "Administrators.") { create };
    }

    private static async Task<int> Add(string email, string fullName, CancellationToken cancel)
    {
        var password = Console.IsInputRedirected ? await Console.In.ReadLineAsync(cancel) ?? "" : Ask();
        var configuration = Settings.Load();
        await using var workspace = await Workspace.Open(configuration, PrivateFolder.Find(), cancel);
        await workspace.PrepareSchema(cancel);
        var options = Workspace.Bind<IdentityOptions>(configuration, "Identity");
        options.Check(workspace.IsDevelopment);
        using var passwords = new Passwords(Options.Create(options));
        await using var database = new Database(workspace.Source);
        Console.WriteLine(await CreateAdmin.Run(email, fullName, password, passwords, database, TimeProvider.System.GetUtcNow().UtcDateTime, cancel));
        return ExitCode.Done;
    }

    /// <summary>Twice, without showing it.</summary>
    private static string Ask()
    {
        var first = ReadHidden("Password: ");
        return first == ReadHidden("Once more: ") ? first : throw new CommandException(ExitCode.BadInput, "The two differ. Nothing was done.");
    }

    private static string ReadHidden(string prompt)
    {
        Console.Error.Write(prompt);
        var text = new StringBuilder();
        while (Console.ReadKey(intercept: true) is var key && key.Key != ConsoleKey.Enter)
        {
            if (key.Key == ConsoleKey.Backspace)
                text.Length = Math.Max(0, text.Length - 1);
            else if (!char.IsControl(key.KeyChar))
                text.Append(key.KeyChar);
        }

        Console.Error.WriteLine();
        return text.ToString();
    }
}

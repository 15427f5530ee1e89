using System.CommandLine;
using Caraway.Identity;
using Caraway.Identity.Users;
using Caraway.Platform.Hosting;
using Microsoft.Extensions.Options;

namespace Caraway.Commands;

/// <summary><c>caraway admin create|reset-password</c>.</summary>
internal static class AdminCommand
{
    private const string PasswordSource = "The password is asked for, or read from standard input when that is not a terminal.";

    public static Command Create()
    {
        var email = new Option<string>("--email") { Description = "The address to sign in with.", Required = true, HelpName = "ADDRESS" };
        var name = new Option<string>("--full-name") { Description = "The name that other users see.", Required = true, HelpName = "NAME" };
        var create = new Command("create", $"Register an administrator and print the id. {PasswordSource}") { email, name };
        create.SetAction((parsed, cancel) => RunCreate(parsed.GetValue(email)!, parsed.GetValue(name)!, cancel));

        var account = new Argument<string>("EMAIL") { Description = "The address of the account." };
        var reset = new Command("reset-password", $"Give an account a new password and end its sign-ins. {PasswordSource}") { account };
        reset.SetAction((parsed, cancel) => RunResetPassword(parsed.GetValue(account)!, cancel));
        return new Command("admin", "Register administrators and reset passwords.") { create, reset };
    }

    private static async Task<int> RunCreate(string email, string fullName, CancellationToken cancel)
    {
        var password = await Terminal.AskNewPassword(cancel);
        return await Workspace.Use(
            Schema.Migrated,
            async workspace =>
            {
                using var passwords = CreatePasswords(workspace);
                Console.WriteLine(await CreateAdmin.Run(email, fullName, password, passwords, workspace.Database, Workspace.Now, cancel));
                return ExitCode.Done;
            },
            cancel);
    }

    private static async Task<int> RunResetPassword(string email, CancellationToken cancel)
    {
        var password = await Terminal.AskNewPassword(cancel);
        return await Workspace.Use(
            Schema.Fits,
            async workspace =>
            {
                using var passwords = CreatePasswords(workspace);
                var ended = await ResetPassword.Run(email, password, passwords, workspace.Database, Workspace.Now, cancel);
                Console.WriteLine($"The password was changed. Sign-ins that were ended: {ended}.");
                return ExitCode.Done;
            },
            cancel);
    }

    private static Passwords CreatePasswords(Workspace workspace)
    {
        var options = OptionsReader.Read<IdentityOptions>(workspace.Configuration, "Identity");
        options.Check(workspace.IsDevelopment);
        return new Passwords(Options.Create(options));
    }
}

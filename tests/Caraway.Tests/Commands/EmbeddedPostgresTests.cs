using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;
using Npgsql;

namespace Caraway.Tests.Commands;

/// <summary>The embedded database must not harm other programs, files and users.</summary>
public sealed class EmbeddedPostgresTests : IDisposable
{
    private readonly DirectoryInfo root = TemporaryFolder.Create();

    [Fact]
    public async Task The_process_of_the_database_does_not_see_our_keys()
    {
        Environment.SetEnvironmentVariable("CARAWAY_CANARY_KEY", "canary");
        var folder = new PrivateFolder(root.FullName);
        await using var cluster = await Start(folder);
        var pid = File.ReadLines(Path.Combine(folder.DataFolder, "postmaster.pid")).First();

        var environment = await File.ReadAllTextAsync($"/proc/{pid}/environ");

        Assert.Contains("PATH=", environment, StringComparison.Ordinal);
        Assert.DoesNotContain("CARAWAY", environment, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", environment, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("a b,c'd")]
    [InlineData("deep/0123456789012345678901234567890123456789/0123456789012345678901234567890123456789/0123456789")]
    public async Task Every_path_works_and_only_the_owner_may_enter_the_folder_of_the_socket(string name)
    {
        var folder = new PrivateFolder(Directory.CreateDirectory(Path.Combine(root.FullName, name)).FullName);
        await using var cluster = await Start(folder);
        await using var source = NpgsqlDataSource.Create(cluster.Address);
        await using var command = source.CreateCommand("select 1");

        Assert.Equal(1, await command.ExecuteScalarAsync());
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Assert.Equal(owner, new DirectoryInfo(cluster.Address.Host!).UnixFileMode);
    }

    [Fact]
    public async Task A_copied_checkout_neither_uses_nor_harms_the_original()
    {
        var original = new PrivateFolder(Directory.CreateDirectory(Path.Combine(root.FullName, "one")).FullName);
        await using var cluster = await Start(original);
        var copy = Path.Combine(root.FullName, "two");
        Assert.Equal(0, (await ChildProcess.Run("cp", ["-a", original.Root, copy], new ChildProcess.Options())).ExitCode);

        var refusal = await Record.ExceptionAsync(async () => await (await Start(new PrivateFolder(copy))).DisposeAsync());

        // PostgreSQL may refuse the copy of a running root, or recover it. The original must keep running in both cases.
        Assert.True(refusal is null or CommandException, refusal?.ToString());
        await using var source = NpgsqlDataSource.Create(cluster.Address);
        await using var command = source.CreateCommand("select 1");
        Assert.Equal(1, await command.ExecuteScalarAsync());
        Assert.True(File.Exists(Path.Combine(original.DataFolder, "PG_VERSION")));
    }

    [Fact]
    public async Task A_stop_does_not_delete_a_folder_that_a_pid_file_names()
    {
        var victim = Directory.CreateDirectory(Path.Combine(root.FullName, "victim"));
        await File.WriteAllTextAsync(Path.Combine(victim.FullName, "thesis.txt"), "mine");
        var folder = new PrivateFolder(root.FullName);
        await (await Start(folder)).DisposeAsync();
        var pidFile = Path.Combine(folder.DataFolder, "postmaster.pid");
        await File.WriteAllTextAsync(pidFile, $"999999\n{folder.DataFolder}\n0\n5432\n{victim.FullName}\n");

        await (await Start(folder)).DisposeAsync();

        Assert.True(File.Exists(Path.Combine(victim.FullName, "thesis.txt")));
        Assert.True(File.Exists(Path.Combine(folder.DataFolder, "PG_VERSION")));
    }

    [Fact]
    public async Task A_link_made_by_the_user_of_the_cluster_is_not_followed()
    {
        var folder = new PrivateFolder(root.FullName);
        await (await Start(folder)).DisposeAsync();
        var victim = Path.Combine(root.FullName, "victim.txt");
        await File.WriteAllTextAsync(victim, "mine");
        File.SetUnixFileMode(victim, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var account = await OsUser.Choose(folder.DataFolder);
        var planted = await account.Run("ln", "-s", victim, Path.Combine(folder.DataFolder, "pg_ident.conf.new"));
        Assert.Equal(0, planted.ExitCode);

        // As root the start fails, because the other user may not write there. An ordinary user owns the file anyway.
        var failure = await Record.ExceptionAsync(async () => await (await Start(folder)).DisposeAsync());

        if (Environment.IsPrivilegedProcess)
        {
            Assert.IsType<CommandException>(failure);
            Assert.Equal("mine", await File.ReadAllTextAsync(victim));
            Assert.Equal("root", await OsUser.OwnerOf(victim));
        }
        else
        {
            Assert.Null(failure);
        }
    }

    [Fact]
    public async Task The_last_of_three_users_stops_the_cluster()
    {
        var folder = new PrivateFolder(root.FullName);
        var users = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Start(folder)));
        var pid = Path.Combine(folder.DataFolder, "postmaster.pid");

        await users[0].DisposeAsync();
        await users[1].DisposeAsync();
        Assert.True(File.Exists(pid));
        await users[2].DisposeAsync();
        Assert.False(File.Exists(pid));
    }

    public void Dispose() => root.Delete(recursive: true);

    private static Task<EmbeddedPostgres> Start(PrivateFolder folder) =>
        EmbeddedPostgres.Start(folder, Environment.GetEnvironmentVariable("CARAWAY_POSTGRES_BIN"), durable: false, CancellationToken.None);
}

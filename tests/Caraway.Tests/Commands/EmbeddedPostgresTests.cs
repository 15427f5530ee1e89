using Caraway.Platform.Hosting;
using Caraway.Platform.Postgres;
using Caraway.Tests.Infrastructure;
using Npgsql;

namespace Caraway.Tests.Commands;

/// <summary>What the embedded database must not do to anybody.</summary>
public sealed class EmbeddedPostgresTests : IDisposable
{
    private readonly DirectoryInfo folder = TemporaryFolder.Create();

    [Fact]
    public async Task Its_process_sees_none_of_our_keys()
    {
        Environment.SetEnvironmentVariable("CARAWAY_CANARY_KEY", "canary");
        var home = new PrivateFolder(folder.FullName);
        await using var cluster = await Start(home);
        var pid = File.ReadLines(Path.Combine(home.DataFolder, "postmaster.pid")).First();

        var environment = await File.ReadAllTextAsync($"/proc/{pid}/environ");

        Assert.Contains("PATH=", environment, StringComparison.Ordinal);
        Assert.DoesNotContain("CARAWAY", environment, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", environment, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("a b,c'd")]
    [InlineData("deep/0123456789012345678901234567890123456789/0123456789012345678901234567890123456789/0123456789")]
    public async Task Any_path_serves_and_no_socket_folder_is_open_to_others(string name)
    {
        var home = new PrivateFolder(Directory.CreateDirectory(Path.Combine(folder.FullName, name)).FullName);
        await using var cluster = await Start(home);
        await using var source = NpgsqlDataSource.Create(cluster.Address);
        await using var command = source.CreateCommand("select 1");

        Assert.Equal(1, await command.ExecuteScalarAsync());
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, new DirectoryInfo(cluster.Address.Host!).UnixFileMode);
    }

    [Fact]
    public async Task A_copied_checkout_neither_uses_nor_harms_the_original()
    {
        var original = new PrivateFolder(Directory.CreateDirectory(Path.Combine(folder.FullName, "one")).FullName);
        await using var cluster = await Start(original);
        var copy = Path.Combine(folder.FullName, "two");
        Assert.Equal(0, (await ChildProcess.Run("cp", ["-a", original.Root, copy], new ChildProcess.Options())).ExitCode);

        var refusal = await Record.ExceptionAsync(async () => await (await Start(new PrivateFolder(copy))).DisposeAsync());

        // PostgreSQL itself may refuse the copy of a running folder, or recover it; the original goes on either way.
        Assert.True(refusal is null or CommandException, refusal?.ToString());
        await using var source = NpgsqlDataSource.Create(cluster.Address);
        await using var command = source.CreateCommand("select 1");
        Assert.Equal(1, await command.ExecuteScalarAsync());
        Assert.True(File.Exists(Path.Combine(original.DataFolder, "PG_VERSION")));
    }

    [Fact]
    public async Task A_stop_deletes_nothing_that_a_pid_file_names()
    {
        var victim = Directory.CreateDirectory(Path.Combine(folder.FullName, "victim"));
        await File.WriteAllTextAsync(Path.Combine(victim.FullName, "thesis.txt"), "mine");
        var home = new PrivateFolder(folder.FullName);
        await (await Start(home)).DisposeAsync();
        await File.WriteAllTextAsync(Path.Combine(home.DataFolder, "postmaster.pid"), $"999999\n{home.DataFolder}\n0\n5432\n{victim.FullName}\n");

        await (await Start(home)).DisposeAsync();

        Assert.True(File.Exists(Path.Combine(victim.FullName, "thesis.txt")));
        Assert.True(File.Exists(Path.Combine(home.DataFolder, "PG_VERSION")));
    }

    [Fact]
    public async Task A_link_planted_by_the_clusters_user_is_not_followed_by_us()
    {
        var home = new PrivateFolder(folder.FullName);
        await (await Start(home)).DisposeAsync();
        var victim = Path.Combine(folder.FullName, "victim.txt");
        await File.WriteAllTextAsync(victim, "mine");
        File.SetUnixFileMode(victim, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var account = await OsUser.Choose(home.DataFolder);
        var planted = await account.Run("ln", "-s", victim, Path.Combine(home.DataFolder, "pg_ident.conf.new"));
        Assert.Equal(0, planted.ExitCode);

        // As root the start fails, for the other user may not write there; as an ordinary user it is our own file anyway.
        var failure = await Record.ExceptionAsync(async () => await (await Start(home)).DisposeAsync());

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
    public async Task The_last_of_three_users_stops_it()
    {
        var home = new PrivateFolder(folder.FullName);
        var users = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => Start(home)));
        var pid = Path.Combine(home.DataFolder, "postmaster.pid");

        await users[0].DisposeAsync();
        await users[1].DisposeAsync();
        Assert.True(File.Exists(pid));
        await users[2].DisposeAsync();
        Assert.False(File.Exists(pid));
    }

    public void Dispose() => folder.Delete(recursive: true);

    private static Task<EmbeddedPostgres> Start(PrivateFolder home) =>
        EmbeddedPostgres.Start(home, Environment.GetEnvironmentVariable("CARAWAY_POSTGRES_BIN"), durable: false, CancellationToken.None);
}

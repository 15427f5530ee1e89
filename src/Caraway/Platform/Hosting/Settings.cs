using System.Collections;

namespace Caraway.Platform.Hosting;

/// <summary>
/// The sources of settings, strongest first: the environment, a <c>.env</c> file in the working folder, <c>appsettings.json</c>. Names in
/// the environment and in the file are read without regard to case (<see cref="SettingNames"/>).
/// </summary>
internal static class Settings
{
    /// <summary>Keys whose values may be any of Python's spellings of true and false, as in the earlier APIs.</summary>
    private static readonly string[] Switches = ["Jobs:Enabled", "Metrics:NeedKey", "Identity:SelfRegistration"];

    /// <summary>Reads <c>.env</c> and the environment into one configuration with resolved aliases.</summary>
    /// <param name="keys">All keys of options; see <see cref="SettingNames.FindMistakes"/>.</param>
    /// <param name="warnings">Sentences about settings that look mistaken.</param>
    public static IConfigurationRoot Load(IReadOnlyCollection<string> keys, out IReadOnlyList<string> warnings)
    {
        var values = ReadDotEnv(Path.Combine(Directory.GetCurrentDirectory(), ".env"));
        var variables = Environment.GetEnvironmentVariables().Cast<DictionaryEntry>();
        // Of names that differ in case only, the one in capitals is the strongest.
        foreach (var variable in variables.OrderByDescending(variable => (string)variable.Key, StringComparer.Ordinal))
        {
            values.Remove((string)variable.Key);
            values[(string)variable.Key] = (string?)variable.Value;
        }

        warnings = SettingNames.FindMistakes(values, keys);
        return new ConfigurationBuilder()
            .AddJsonFile(Path.Combine(AppContext.BaseDirectory, "appsettings.json"), optional: false)
            .AddInMemoryCollection(Translate(values))
            .Build();
    }

    /// <summary>The environment's name as ASP.NET Core spells it: <c>Development</c>, <c>Production</c>, or as given.</summary>
    public static string EnvironmentName(IConfiguration configuration)
    {
        var name = new[] { "ENVIRONMENT", "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT", "CARAWAY_DEFAULT_ENVIRONMENT" }
            .Select(key => configuration[key])
            .FirstOrDefault(value => !string.IsNullOrWhiteSpace(value))?.Trim();
        return name?.ToLowerInvariant() switch
        {
            null or "production" or "prod" => Environments.Production,
            "development" or "dev" or "local" => Environments.Development,
            "staging" => Environments.Staging,
            _ => name!,
        };
    }

    /// <summary>Keys with their values. The names themselves are keys (<c>A__B</c> is <c>A:B</c>); an alias is stronger.</summary>
    /// <param name="values">Names without regard to case.</param>
    internal static Dictionary<string, string?> Translate(IReadOnlyDictionary<string, string?> values)
    {
        var translated = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        foreach (var (name, value) in values)
            translated[name.Replace("__", ":", StringComparison.Ordinal)] = value;
        foreach (var (alias, key) in SettingNames.Aliases)
        {
            if (values.TryGetValue(alias, out var value) && !string.IsNullOrEmpty(value))
                translated[key] = Switches.Contains(key, StringComparer.Ordinal) ? ReadSwitch(value) : value;
        }

        return translated;
    }

    /// <summary>Another spelling stays as it is, and is refused when the options are read.</summary>
    private static string ReadSwitch(string value) => value.Trim().ToLowerInvariant() switch
    {
        "1" or "yes" or "on" or "y" or "t" => "true",
        "0" or "no" or "off" or "n" or "f" => "false",
        _ => value,
    };

    /// <summary>
    /// The usual form of the file: lines of <c>NAME=value</c>, <c>#</c> comments, an optional <c>export</c>, bare or quoted values. A bare
    /// value ends at <c> #</c>. Double quotes may contain <c>\n</c>, <c>\"</c> and <c>\\</c>; single quotes are literal.
    /// </summary>
    internal static Dictionary<string, string?> ReadDotEnv(string path)
    {
        var values = new Dictionary<string, string?>(StringComparer.OrdinalIgnoreCase);
        if (!File.Exists(path))
            return values;
        var number = 0;
        foreach (var raw in File.ReadLines(path))
        {
            number++;
            var line = raw.Trim();
            if (line.Length == 0 || line[0] == '#')
                continue;
            if (line.StartsWith("export ", StringComparison.Ordinal))
                line = line[7..].TrimStart();
            var equals = line.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
                throw new CommandException(ExitCode.BadInput, $"Line {number} of {path} is not NAME=value.");
            values[line[..equals].TrimEnd()] = Unquote(line[(equals + 1)..], number, path);
        }

        return values;
    }

    private static string Unquote(string raw, int line, string path)
    {
        var value = raw.TrimStart();
        if (value.Length == 0 || value[0] is not ('"' or '\''))
        {
            var comment = raw.IndexOf(" #", StringComparison.Ordinal);
            return (comment < 0 ? raw : raw[..comment]).Trim();
        }

        var quote = value[0];
        var text = new System.Text.StringBuilder();
        for (var i = 1; i < value.Length; i++)
        {
            if (value[i] == quote)
                return text.ToString();
            if (quote == '"' && value[i] == '\\' && i + 1 < value.Length)
                text.Append(value[++i] is 'n' ? '\n' : value[i]);
            else
                text.Append(value[i]);
        }

        throw new CommandException(ExitCode.BadInput, $"Line {line} of {path} has a quote that does not end.");
    }
}

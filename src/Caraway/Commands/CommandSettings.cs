using Caraway.Care;
using Caraway.Identity;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Platform.Telemetry;

namespace Caraway.Commands;

/// <summary>The settings of every command, with warnings on standard error for those that look mistaken.</summary>
internal static class CommandSettings
{
    /// <summary>Each section of the configuration that is bound to options, with a reading of it that checks every value.</summary>
    private static readonly (string Section, Type Options, Action<IConfiguration> Check)[] Sections =
    [
        Describe<ServerOptions>("Server"),
        Describe<DatabaseOptions>("Database"),
        Describe<JobOptions>("Jobs"),
        Describe<EventOptions>("Events"),
        Describe<AccessLogOptions>("AccessLog"),
        Describe<MetricsOptions>("Metrics"),
        Describe<RateLimitOptions>("RateLimits"),
        Describe<PageSizes>("Pages"),
        Describe<IdentityOptions>("Identity"),
        Describe<CareOptions>("Care"),
    ];

    public static IConfigurationRoot Load()
    {
        var keys = Sections.SelectMany(section => section.Options.GetProperties().Select(property => $"{section.Section}:{property.Name}"));
        var configuration = Settings.Load([.. keys], out var warnings);
        foreach (var warning in warnings)
            Console.Error.WriteLine(warning);
        return configuration;
    }

    /// <summary>Checks all sections, so that a wrong value stops the program before it opens anything.</summary>
    /// <exception cref="CommandException">A value has the wrong form or is out of bounds.</exception>
    public static void Check(IConfiguration configuration)
    {
        foreach (var section in Sections)
            section.Check(configuration);
    }

    private static (string Section, Type Options, Action<IConfiguration> Check) Describe<T>(string section)
        where T : new() => (section, typeof(T), configuration => OptionsReader.Read<T>(configuration, section));
}

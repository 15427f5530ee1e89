namespace Caraway.Platform.Events;

internal static class EventRegistrations
{
    /// <summary>Registers the sequencer and the dispatcher. Modules add their handlers.</summary>
    public static void AddEvents(this IServiceCollection services, IConfiguration configuration)
    {
        services.AddOptions<EventOptions>().Bind(configuration.GetSection("Events")).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<Sequencer>().AddHostedService(provider => provider.GetRequiredService<Sequencer>());
        services.AddSingleton<EventDispatcher>().AddHostedService(provider => provider.GetRequiredService<EventDispatcher>());
        services.AddSingleton(EventGauges.Lag).AddSingleton(EventGauges.Retries).AddSingleton(EventGauges.UnsequencedAge);
    }

    public static IServiceCollection AddEventHandler<THandler>(this IServiceCollection services)
        where THandler : class, IEventHandler =>
        services.AddSingleton<IEventHandler, THandler>();

    /// <summary>Puts a module's events into patients' timelines.</summary>
    public static IServiceCollection AddTimeline(this IServiceCollection services, IReadOnlyList<TimelineRule> rules)
    {
        foreach (var rule in rules)
            services.AddSingleton(rule);
        return services;
    }
}

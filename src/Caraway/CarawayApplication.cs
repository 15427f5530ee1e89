using System.Text;
using Caraway.Advocacy;
using Caraway.Advocacy.Contracts;
using Caraway.Care;
using Caraway.Identity;
using Caraway.Patients;
using Caraway.Platform.Audit;
using Caraway.Platform.Events;
using Caraway.Platform.Hosting;
using Caraway.Platform.Http;
using Caraway.Platform.Jobs;
using Caraway.Platform.Postgres;
using Caraway.Platform.Search;
using Caraway.Platform.Security;
using Caraway.Platform.Telemetry;
using Caraway.Platform.Workflows;
using Caraway.Support;
using Caraway.Support.Contracts;
using Npgsql;

namespace Caraway;

/// <summary>The web application: its registrations, the order of the request pipeline, and its modules.</summary>
internal static class CarawayApplication
{
    internal sealed record Dependencies
    {
        public required IConfiguration Configuration { get; init; }

        public required string EnvironmentName { get; init; }

        public required NpgsqlDataSource Source { get; init; }

        public required MasterKey MasterKey { get; init; }

        public required string ApiKey { get; init; }

        /// <summary>Changes where the log goes. The tests keep it out of their output.</summary>
        public Action<ILoggingBuilder>? ConfigureLogging { get; init; }

        /// <summary>False for a process that only works in the background: it answers <c>/health</c> and <c>/metrics</c> only.</summary>
        public bool AnswersRequests { get; init; } = true;
    }

    public static WebApplication Build(Dependencies dependencies)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions
        {
            EnvironmentName = dependencies.EnvironmentName,
            ContentRootPath = AppContext.BaseDirectory,
            ApplicationName = "Caraway",
        });
        builder.Configuration.Sources.Clear();
        builder.Configuration.AddConfiguration(dependencies.Configuration);
        Logging.Add(builder.Logging, dependencies.Configuration, builder.Environment.IsDevelopment());
        dependencies.ConfigureLogging?.Invoke(builder.Logging);
        var server = AddOptions(builder);
        AddServer(builder, server);
        AddPlatform(builder.Services, dependencies, server);
        builder.Services.AddIdentity(dependencies.ApiKey);
        builder.Services.AddPatients();
        builder.Services.AddAdvocacy();
        builder.Services.AddCare();
        builder.Services.AddSupport();

        var app = builder.Build();
        UsePipeline(app, server);
        app.MapHealth();
        MetricsEndpoint.Map(app);
        if (dependencies.AnswersRequests)
            MapApi(app);
        RequireDecisions(app);
        return app;
    }

    private static ServerOptions AddOptions(WebApplicationBuilder builder)
    {
        builder.Services.AddOptions<ServerOptions>().BindConfiguration("Server").ValidateDataAnnotations().ValidateOnStart();
        var server = new ServerOptions();
        builder.Configuration.GetSection("Server").Bind(server);
        return server;
    }

    private static void AddServer(WebApplicationBuilder builder, ServerOptions server)
    {
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(server.ShutdownTimeoutSeconds));
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = server.MaxBodyBytes;
            // Latin-1 decodes every byte, so a header cannot make a request fail before it is answered.
            kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1;
            if (!builder.Environment.IsDevelopment())
                kestrel.ListenAnyIP(server.Port);
            else if (server.Port == 0)
                kestrel.Listen(System.Net.IPAddress.Loopback, 0);
            else
                kestrel.ListenLocalhost(server.Port);
        });
    }

    private static void AddPlatform(IServiceCollection services, Dependencies dependencies, ServerOptions server)
    {
        services.AddSingleton(dependencies.Source);
        services.AddScoped<Database>();
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(dependencies.MasterKey);
        services.AddHostedService<IdempotencyCleanup>();
        services.AddJobs(dependencies.Configuration);
        services.AddEvents(dependencies.Configuration);
        services.AddAccessLog();
        MetricsEndpoint.Add(services);
        services.AddOptions<RateLimitOptions>().BindConfiguration("RateLimits").ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<RateLimits>();
        PageSizes.Add(services);
        Problems.Add(services);
        OpenApi.Add(services);
        services.AddValidation();
        services.Configure<RouteHandlerOptions>(routes => routes.ThrowOnBadRequest = true);
        services.ConfigureHttpJsonOptions(json => JsonRules.Apply(
            json.SerializerOptions,
            EventsJson.Default, AuditJson.Default, WorkflowsJson.Default, SearchJson.Default,
            IdentityJson.Default, AdvocacyJson.Default, CareJson.Default, SupportJson.Default));
        Cors.Add(services, server.CorsOrigins);
    }

    private static void UsePipeline(WebApplication app, ServerOptions server)
    {
        app.UseClientAddress(server.TrustedProxies);
        app.UseRequestHeaders();
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        app.UseRouting();
        if (Cors.Origins(server.CorsOrigins).Length > 0)
            app.UseCors();
        app.UseIdentification();
        app.UseAccessLog();
        app.UseRequestBodies();
    }

    private static void MapApi(WebApplication app)
    {
        app.MapWorkflows();
        app.MapOpenApiPage();
        app.MapAudit();
        app.MapSearch(AdvocacyPermissions.Read, or: SupportPermissions.Read);
        app.MapIdentity();
        app.MapPatients();
        app.MapAdvocacy();
        app.MapCare();
        app.MapSupport();
    }

    /// <summary>Stops the start when a route neither names a permission nor is marked as open.</summary>
    private static void RequireDecisions(IEndpointRouteBuilder app)
    {
        var open = app.DataSources.SelectMany(source => source.Endpoints)
            .Where(endpoint => endpoint.Metadata.GetMetadata<RequiredPermission>() is null
                && endpoint.Metadata.GetMetadata<Microsoft.AspNetCore.Authorization.IAllowAnonymous>() is null)
            .Select(endpoint => endpoint.DisplayName)
            .ToList();
        if (open.Count > 0)
            throw new InvalidOperationException($"These routes name no permission: {string.Join(", ", open)}");
    }
}

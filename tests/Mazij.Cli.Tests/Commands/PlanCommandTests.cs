using System.Text.Json;

namespace Mazij.Cli.Tests.Commands;

public sealed class PlanCommandTests
{
    [Fact]
    public void A_plan_names_the_cheapest_and_what_it_saves()
    {
        using TemporaryFolder folder = new();
        JsonElement json = Invocation.Succeeding(
            "plan", "--model", "llama-3-70b", "--tokens", "2T", "--devices", "h100:512,nvidia-a100-sxm-80gb:1024", "--deadline", "120d", "--elastic",
            "--plot", folder["plan.png"], "--json").Json;
        JsonElement cheapest = json.GetProperty("cheapest");
        Assert.True(cheapest.GetProperty("hours").GetDouble() <= 120 * 24);
        JsonElement[] devices = [.. json.GetProperty("devices").EnumerateArray()];
        Assert.Equal(["nvidia-h100-sxm", "nvidia-a100-sxm-80gb"], devices.Select(device => device.GetProperty("device").GetString()!));
        double least = devices.Min(device => device.GetProperty("plan").GetProperty("cost").GetDouble());
        Assert.Equal(least, cheapest.GetProperty("cost").GetDouble());
        JsonElement layout = cheapest.GetProperty("layout");
        int product = layout.GetProperty("tensor_parallel").GetInt32() * layout.GetProperty("pipeline_parallel").GetInt32()
            * layout.GetProperty("data_parallel").GetInt32() * layout.GetProperty("context_parallel").GetInt32();
        Assert.Equal(cheapest.GetProperty("devices").GetInt32(), product);
        double parts = cheapest.GetProperty("step_seconds").EnumerateObject().Where(part => part.Name != "total").Sum(part => part.Value.GetDouble());
        Assert.Equal(cheapest.GetProperty("step_seconds").GetProperty("total").GetDouble(), parts, 1e-6 * parts);
        Assert.NotEqual(JsonValueKind.Null, json.GetProperty("mixture").ValueKind);
        Assert.True(new FileInfo(folder["plan.png"]).Length > 5000);
    }

    [Fact]
    public void The_reports_devices_are_compared_by_MFU()
    {
        JsonElement json = Invocation.Succeeding("plan", "--tokens", "1T", "--mfu", "ling-d=0.21", "--mfu", "ling-a=0.18", "--json").Json;
        JsonElement[] rows = [.. json.GetProperty("by_mfu").EnumerateArray()];
        Assert.Equal(0, rows[0].GetProperty("saved").GetDouble(), 1e-12);
        Assert.Equal(0.2, rows[1].GetProperty("saved").GetDouble(), 0.02);
        Assert.Equal(0.143, rows[1].GetProperty("break_even_mfu").GetDouble(), 0.002);
    }

    [Fact]
    public void A_users_file_adds_devices_and_changes_prices()
    {
        using TemporaryFolder folder = new();
        string file = folder.Write("own.yaml", """
            devices:
              - {id: own, name: Own, peak: {bf16: 200}, memory_gb: 64, memory_bandwidth_gbs: 1000, link: {gbs: 100, devices_per_node: 8}, network_gbs: 12, price: {per_hour: 1}}
              - {id: nvidia-h100-sxm, price: {per_hour: 9}}
            """);
        string output = Invocation.Succeeding("plan", "--model", "ling-lite", "--tokens", "100B", "--devices", file, "--devices", "own:64,nvidia-h100-sxm:64").Output;
        Assert.Contains("savings against nvidia-h100-sxm", output, StringComparison.Ordinal);
        Assert.Contains("cheapest    ", output, StringComparison.Ordinal);
        Assert.Contains(" own, ", output, StringComparison.Ordinal);
    }

    [Fact]
    public void Prices_can_be_given_by_hand()
    {
        double Cost(params string[] more) => Invocation.Succeeding(["plan", "--model", "ling-lite", "--tokens", "10B", "--devices", "h100:64", "--json", .. more])
            .Json.GetProperty("cheapest").GetProperty("cost").GetDouble();
        double usual = Cost(), doubled = Cost("--price", "nvidia-h100-sxm=7.56");
        Assert.Equal(2 * usual, doubled, 1e-6 * usual);
        // 700 W at 0.1 a kWh.
        Assert.Equal(usual * (3.78 + 0.07) / 3.78, Cost("--electricity", "0.1"), 1e-6 * usual);
    }

    [Theory]
    [InlineData("unknown device 'h200x'", "--devices", "h200x")]
    [InlineData("did you mean", "--devices", "nvidia-h100-sxn")]
    [InlineData("after the colon comes a number of devices", "--devices", "h100:0")]
    [InlineData("names nvidia-h100-sxm twice", "--devices", "h100:8,nvidia-h100-sxm:8")]
    [InlineData("is not known; give it in a file for --devices", "--devices", "ling-a")]
    [InlineData("no plan keeps to the limits: nvidia-h100-sxm: the most frugal layout takes", "--devices", "h100:1")]
    [InlineData("--tokens 'many': expected a positive number", "--tokens", "many", "--devices", "h100")]
    [InlineData("--tokens '-5': expected a positive number", "--tokens=-5", "--devices", "h100")]
    [InlineData("--deadline 'soon': expected a span of time", "--deadline", "soon", "--devices", "h100")]
    [InlineData("is no preset, run file or model folder; did you mean ling-plus?", "--model", "ling-pluss", "--devices", "h100")]
    [InlineData("expected NAME=SHARE with a share above 0 and at most 1", "--mfu", "ling-a=18")]
    [InlineData("has a price in USD; give --exchange USD=", "--devices", "h100", "--currency", "EUR")]
    [InlineData("none of the plan's devices", "--devices", "h100", "--price", "h20=1")]
    [InlineData("there is no such file", "--devices", "nowhere.json")]
    [InlineData("--dtype 'int4': known are bf16, fp8, fp32", "--devices", "h100", "--dtype", "int4")]
    [InlineData("expert_imbalance", "--devices", "h100", "--assume", "expert_imbalance=0.1")]
    [InlineData("unknown key; did you mean expert_imbalance?", "--devices", "h100", "--assume", "expert_imbalence=2")]
    public void What_cannot_be_planned_is_said_in_one_line(string expected, params string[] arguments)
    {
        Invocation invocation = Invocation.Of(["plan", .. arguments]);
        Assert.Equal(2, invocation.ExitCode);
        Assert.Contains(expected, invocation.Errors, StringComparison.Ordinal);
        Assert.Single(invocation.Errors.TrimEnd('\n').Split('\n'));
        Assert.Empty(invocation.Output);
    }

    [Fact]
    public void A_simulation_prints_both_ways_of_training()
    {
        JsonElement json = Invocation.Succeeding("plan", "simulate", "--accelerators", "16", "64", "--set", "hours=0.5", "--json").Json;
        JsonElement[] results = [.. json.GetProperty("results").EnumerateArray()];
        Assert.Equal([16, 64], results.Select(result => result.GetProperty("accelerators").GetInt32()));
        Assert.All(results, result => Assert.True(
            result.GetProperty("elastic").GetProperty("steps_per_second").GetDouble() > result.GetProperty("synchronous").GetProperty("steps_per_second").GetDouble()));
        Assert.Contains("EDiT, steps/s", Invocation.Succeeding("plan", "simulate", "--accelerators", "4", "--set", "hours=0.1").Output, StringComparison.Ordinal);
        Assert.Contains("delay_seconds", Invocation.Of("plan", "simulate", "--set", "delay_secs=1").Errors, StringComparison.Ordinal);
        Assert.Equal(2, Invocation.Of("plan", "simulate", "--set", "hours=90000").ExitCode);
    }

    [Fact]
    public void The_page_about_planning_holds_the_table_that_validate_prints()
    {
        string page = File.ReadAllText(Path.Combine(Fixtures.Root, "docs", "planning.md"));
        Assert.Contains(Invocation.Succeeding("plan", "validate", "--markdown").Output.Trim(), page, StringComparison.Ordinal);
    }
}

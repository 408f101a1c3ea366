using Mazij.Planning;
using static System.FormattableString;

namespace Mazij.Cli.Plans;

/// <summary>Plans as people read them.</summary>
internal static class PlanText
{
    private const int FrontRows = 12;

    /// <summary>Prints the answer.</summary>
    public static void Print(PlanQuestion question, PlanAnswer answer, CellMixture? mixture)
    {
        Workload work = question.Request.Workload;
        ModelShape shape = question.Model.Shape;
        double flops = shape.TrainingFlopsPerToken(work.SequenceLength);
        Line($"model       {question.Model.Name}: {Quantity.FineCount(shape.TotalParameters)} parameters, {Quantity.FineCount(shape.ActiveParameters)} active; {Quantity.Flops(flops)} a token");
        Line($"run         {Quantity.Count(work.Tokens)} tokens, {work.GlobalBatch:N0} sequences of {work.SequenceLength:N0} a step: {work.Tokens * flops:0.00e0} FLOP");
        if (answer.Request.Offers.Count > 0)
        {
            PrintBest(answer);
            PrintDevices(question, answer);
            PrintFront(answer);
            PrintCheapest(answer);
        }
        if (mixture is not null)
            PrintMixture(mixture);
        if (question.ByMfu.Count > 0)
            PrintByMfu(question, answer);
    }

    /// <summary>Hours as a span of time.</summary>
    public static string Time(double hours) => Quantity.Duration(3600 * hours);

    /// <summary>A sum with its currency.</summary>
    public static string Money(double? sum, string currency) => sum switch
    {
        null => "no price",
        < 1000 => Invariant($"{sum:N2} {currency}"),
        _ => Invariant($"{sum:N0} {currency}"),
    };

    private static void PrintBest(PlanAnswer answer)
    {
        void Best(string what, TrainingPlan? plan)
        {
            if (plan is not null)
                Line($"{what,-11} {plan.Devices:N0} {plan.Device.Name}, {plan.Layout}: {Time(plan.Hours)}, {Money(plan.Cost, plan.Device.Currency)}, MFU {100 * plan.Mfu:F0} %");
        }
        Best("cheapest", answer.Cheapest);
        Best("fastest", answer.Fastest);
        if (!answer.Plans.Any())
            Line($"No plan keeps to the limits.");
        foreach (string line in answer.BindingLimits())
            Line($"limit       {line}");
    }

    private static void PrintDevices(PlanQuestion question, PlanAnswer answer)
    {
        TrainingPlan? premium = PlanBaseline.Of(question, answer);
        TableView table = new("device", ">devices", ">time", ">device hours", ">cost", ">MFU %", ">saved %", ">break-even MFU %");
        foreach (OfferPlans offer in answer.Offers)
        {
            TrainingPlan? plan = offer.Within(answer.Request.Limits).MinBy(each => each.Cost ?? each.DeviceHours);
            if (plan is null)
            {
                table.Add(offer.Offer.Device.Name, "-", "-", "-", "-", "-", "-", "-");
                continue;
            }
            bool compares = premium?.Cost is not null && plan.Cost is not null;
            table.Add(
                plan.Device.Name, Invariant($"{plan.Devices:N0}"), Time(plan.Hours), Quantity.Count(plan.DeviceHours), Money(plan.Cost, plan.Device.Currency),
                Invariant($"{100 * plan.Mfu:F1}"), compares ? Invariant($"{100 * (1 - plan.Cost!.Value / premium!.Cost!.Value):F1}") : "-",
                compares ? Invariant($"{100 * Comparisons.BreakEvenMfu(plan, premium!.Cost!.Value):F1}") : "-");
        }
        Line($"");
        Line($"The cheapest plan on each kind of device{(premium is null ? "" : $"; savings against {premium.Device.Name}")}:");
        table.Print(110);
    }

    private static void PrintFront(PlanAnswer answer)
    {
        IReadOnlyList<TrainingPlan> front = answer.ParetoFront;
        if (front.Count < 2)
            return;
        TableView table = new(">devices", "device", ">time", ">cost", ">MFU %", ">GiB", "layout");
        int step = Math.Max(1, (front.Count + FrontRows - 1) / FrontRows);
        for (int i = 0; i < front.Count; i += step)
        {
            TrainingPlan plan = front[i];
            table.Add(
                Invariant($"{plan.Devices:N0}"), plan.Device.Name, Time(plan.Hours), Money(plan.Cost, plan.Device.Currency), Invariant($"{100 * plan.Mfu:F1}"),
                Invariant($"{plan.Memory.Total / (1L << 30):F0}"), plan.Layout.ToString());
        }
        Line($"Plans that no other beats in both time and cost{(step > 1 ? $", {(front.Count + step - 1) / step} of {front.Count}" : "")}:");
        table.Print(130);
    }

    private static void PrintCheapest(PlanAnswer answer)
    {
        if (answer.Cheapest is not TrainingPlan plan)
            return;
        StepTime step = plan.Step;
        DeviceMemoryPlan memory = plan.Memory;
        Line($"The cheapest in detail:");
        string Share(double seconds) => Invariant($"{100 * seconds / step.Total:F1} %");
        Line($"step        {step.Total:F2} s: kernels {Share(step.Compute)}, computed again {Share(step.Recompute)}, tensor parallelism {Share(step.TensorParallel)}, experts' all-to-all {Share(step.ExpertParallel)}, bubble {Share(step.Bubble)}, data parallelism {Share(step.DataParallel)}, optimizer {Share(step.Optimizer)}, waiting {Share(step.Waiting)}");
        Line($"memory      {Quantity.Bytes(memory.Total)} of {Quantity.Bytes(plan.Device.MemoryBytes)}: weights {Quantity.Bytes(memory.Weights)}, gradients {Quantity.Bytes(memory.Gradients)}, optimizer {Quantity.Bytes(memory.Optimizer)}, activations {Quantity.Bytes(memory.Activations)}, logits {Quantity.Bytes(memory.Logits)}, reserved {Quantity.Bytes(memory.Reserved)}");
        Line($"failures    {plan.Failures.FailuresPerDay:F2} a day; a checkpoint every {Quantity.Duration(plan.Failures.CheckpointInterval)}, written in {Quantity.Duration(plan.Failures.CheckpointSeconds)}; {100 * plan.Failures.LostShare:F1} % of the time is lost");
        if (plan.KilowattHours is double energy)
            Line($"energy      {energy / 1000:N0} MWh, the devices alone");
        TableView table = new("if", ">time", ">cost");
        foreach ((string what, double hours, double cost) in Comparisons.Sensitivity(plan))
            table.Add(what, Time(hours), Money(cost, plan.Device.Currency));
        table.Print();
    }

    private static void PrintMixture(CellMixture mixture)
    {
        Line($"Unlike cells together, by elastic synchronisation: {Time(mixture.Hours)}, {Money(mixture.Cost, mixture.Cells[0].Device.Currency)}");
        TableView table = new("cell", ">devices", ">tokens/s", ">share %", "layout");
        foreach (TrainingPlan cell in mixture.Cells)
        {
            table.Add(
                cell.Device.Name, Invariant($"{cell.Devices:N0}"), Quantity.Count(cell.TokensPerSecond), Invariant($"{100 * mixture.ShareOf(cell):F1}"),
                cell.Layout.ToString());
        }
        table.Print(110);
    }

    private static void PrintByMfu(PlanQuestion question, PlanAnswer answer)
    {
        double? premium = PlanBaseline.CostOf(question, answer);
        TableView table = new("device, by MFU alone", ">MFU %", ">device hours", ">cost", ">saved %", ">break-even MFU %");
        foreach (MfuEstimate estimate in question.ByMfu)
        {
            bool compares = premium is not null && estimate.Cost is not null;
            table.Add(
                estimate.Device, Invariant($"{100 * estimate.Mfu:F1}"), Quantity.Count(estimate.DeviceHours), Money(estimate.Cost, estimate.Currency),
                compares ? Invariant($"{100 * (1 - estimate.Cost!.Value / premium!.Value):F1}") : "-",
                compares ? Invariant($"{100 * estimate.BreakEvenMfu(premium!.Value):F1}") : "-");
        }
        table.Print(90);
    }

    private static void Line(FormattableString text) => Console.Out.WriteLine(TerminalText.CleanLine(Invariant(text)));
}

"""How large an infant's head is: the one thing that gives a single camera's fit its millimetres.

Distance between the outer corners of the eyes (exocanthion to exocanthion; mediapipe 33 and 263) by age, as orders of
size from published anthropometry, no table copied:

- newborns 65.3 mm, SD 5.8, 69 infants, callipers (Moon et al., J Korean Ophthalmol Soc 53:1385, 2012); 69 mm with a
  normal range of +-8 in an older atlas (Laestadius et al. 1969);
- at 1 year 85.9 % of an adult's, with 12.5 mm to grow from 1 to 18 years, so some 76 mm; 2 % more of the adult's by 5
  years (Farkas et al., Cleft Palate Craniofac J 29:315, 1992, 1594 people);
- between birth and 1 year it follows the head's growth (WHO Child Growth Standards 2007), fast first.

Populations differ by about 3 mm and infants of one age by about 4 %.
"""

import numpy as np

OLDEST_MONTHS = 24.0
MONTHS = (0.0, 3.0, 6.0, 12.0, 24.0)
MEAN_MM = (66.0, 71.0, 73.5, 76.0, 77.5)
WITHIN_AGE_SD_MM = 4.0


def outer_eye_mm(age_months: float | None = None) -> tuple[float, float]:
    """Mean and standard deviation (mm) of the distance between the outer eye corners at an age of 0-24 months.

    None: somewhere in 0-24 months, all ages alike, which comes to about 74.6 and 4.9 mm. Ages outside 0-24 raise
    ValueError.
    """
    if age_months is None:
        ages = np.linspace(0, OLDEST_MONTHS, 241)
        means = np.interp(ages, MONTHS, MEAN_MM)
        return float(means.mean()), float(np.hypot(means.std(), WITHIN_AGE_SD_MM))
    if not 0 <= age_months <= OLDEST_MONTHS:
        raise ValueError(f"age_months must be within 0-{OLDEST_MONTHS:g}, but is {age_months}; None if unknown")
    return float(np.interp(age_months, MONTHS, MEAN_MM)), WITHIN_AGE_SD_MM
